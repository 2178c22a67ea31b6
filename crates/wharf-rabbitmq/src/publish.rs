//! Publishing: the whole batch goes out, then each confirm is awaited. What the broker could not route it gives back.

use futures_util::future::join_all;
use lapin::{Confirmation, options::BasicPublishOptions};
use wharf::{Code, Error, Outgoing};

use crate::{error::failed, link::Link, topology::Topology, wire};

/// Puts a batch on the queues of its endpoints, and waits until the broker has confirmed all of it.
pub(crate) async fn publish(link: &Link, topology: &Topology, batch: &[Outgoing]) -> Result<(), Error> {
    let mut confirms = Vec::with_capacity(batch.len());
    for outgoing in batch {
        topology.need_queue(link, &outgoing.endpoint).await?;
        let queue = topology.queue(&outgoing.endpoint)?;
        // Without a queue of that name it comes back instead of vanishing.
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (body, properties) = (outgoing.body.as_bytes(), wire::properties(outgoing));
        let published = link.publishing.basic_publish("".into(), queue, options, body, properties).await;
        confirms.push(published.map_err(|error| failed("publish", error))?);
    }
    for confirmation in join_all(confirms).await {
        match confirmed(confirmation, topology)? {
            Taken::Yes => {}
            Taken::No => {
                let message = "RabbitMQ did not take a message: its queue is full, or was just losing its leader";
                return Err(Error::new(Code::ENGINE_UNREACHABLE, message));
            }
        }
    }
    Ok(())
}

/// Puts the copy of a dead letter where such copies stand, and waits until the broker has confirmed it.
///
/// # Errors
/// `W0018` when the broker does not take it, as there are too many already.
pub(crate) async fn copy(link: &Link, topology: &Topology, letter: &Outgoing) -> Result<(), Error> {
    let queue = topology.need_queue_of_copies(link, letter).await?;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let (body, properties) = (letter.body.as_bytes(), wire::properties(letter));
    let published = link.publishing.basic_publish("".into(), queue.clone(), options, body, properties).await;
    let confirmation = published.map_err(|error| failed("publish", error))?.await;
    match confirmed(confirmation, topology)? {
        Taken::Yes => Ok(()),
        Taken::No => Err(Error::new(Code::ENGINE_FAILED, format!("the queue \"{queue}\" is full"))),
    }
}

enum Taken {
    Yes,
    No,
}

fn confirmed(confirmation: lapin::Result<Confirmation>, topology: &Topology) -> Result<Taken, Error> {
    match confirmation.map_err(|error| failed("have a message confirmed", error))? {
        Confirmation::Ack(None) => Ok(Taken::Yes),
        Confirmation::Nack(None) => Ok(Taken::No),
        Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned)) => {
            // Somebody has removed the queue; the next attempt declares it again.
            topology.forget();
            let message = format!("RabbitMQ has no queue \"{}\"", returned.routing_key);
            Err(Error::new(Code::ENGINE_UNREACHABLE, message))
        }
        // The channel was opened for confirms.
        Confirmation::NotRequested => Err(Error::new(Code::ENGINE_FAILED, "RabbitMQ confirms nothing on this channel")),
    }
}
