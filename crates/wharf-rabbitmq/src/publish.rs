//! Publishing: the whole batch goes out, then each confirm is awaited. What the broker could not route it gives back, and
//! what it does not take is offered to it again.

use std::time::Duration;

use futures_util::future::join_all;
use lapin::{Confirmation, options::BasicPublishOptions, types::ShortString};
use wharf::{Code, Error, Outgoing};

use crate::{error::failed, link::Link, topology::Topology, wire};

/// A queue that has just been declared, or is electing another leader, refuses what comes: mostly for milliseconds. One that
/// still does after these pauses is full, or cannot say when it will have a leader.
const OFFERED_AGAIN_AFTER: [Duration; 3] =
    [Duration::from_millis(10), Duration::from_millis(50), Duration::from_millis(250)];

/// Puts a batch on the queues of its endpoints, and waits until the broker has confirmed all of it.
pub(crate) async fn publish(link: &Link, topology: &Topology, batch: &[Outgoing]) -> Result<(), Error> {
    let mut offered = Vec::with_capacity(batch.len());
    for outgoing in batch {
        topology.need_queue(link, &outgoing.endpoint).await?;
        offered.push((topology.queue(&outgoing.endpoint)?, outgoing));
    }
    match offer(link, topology, offered).await? {
        Taken::Yes => Ok(()),
        Taken::No => {
            let message = "RabbitMQ did not take a message: its queue is full, or was just losing its leader";
            Err(Error::new(Code::ENGINE_UNREACHABLE, message))
        }
    }
}

/// Puts the copy of a dead letter where such copies stand, and waits until the broker has confirmed it.
///
/// # Errors
/// `W0018` when the broker does not take it, as there are too many already.
pub(crate) async fn copy(link: &Link, topology: &Topology, letter: &Outgoing) -> Result<(), Error> {
    let queue = topology.need_queue_of_copies(link, letter).await?;
    match offer(link, topology, vec![(queue.clone(), letter)]).await? {
        Taken::Yes => Ok(()),
        Taken::No => Err(Error::new(Code::ENGINE_FAILED, format!("the queue \"{queue}\" is full"))),
    }
}

enum Taken {
    Yes,
    No,
}

/// Offers messages, and those that are refused again.
async fn offer(link: &Link, topology: &Topology, mut offered: Vec<(ShortString, &Outgoing)>) -> Result<Taken, Error> {
    let mut pauses = OFFERED_AGAIN_AFTER.into_iter();
    loop {
        offered = refused(link, topology, offered).await?;
        if offered.is_empty() {
            return Ok(Taken::Yes);
        }
        let Some(pause) = pauses.next() else { return Ok(Taken::No) };
        tracing::debug!(messages = offered.len(), ?pause, "RabbitMQ refused messages; they are offered again");
        tokio::time::sleep(pause).await;
    }
}

/// Those of these messages that the broker does not take.
async fn refused<'a>(
    link: &Link,
    topology: &Topology,
    offered: Vec<(ShortString, &'a Outgoing)>,
) -> Result<Vec<(ShortString, &'a Outgoing)>, Error> {
    // Without a queue of that name it comes back instead of vanishing.
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let mut confirms = Vec::with_capacity(offered.len());
    for (queue, outgoing) in &offered {
        let (body, properties) = (outgoing.body.as_bytes(), wire::properties(outgoing));
        let published = link.publishing.basic_publish("".into(), queue.clone(), options, body, properties).await;
        confirms.push(published.map_err(|error| failed("publish", error))?);
    }
    let mut refused = Vec::new();
    for (offered, confirmation) in offered.into_iter().zip(join_all(confirms).await) {
        match confirmed(confirmation, topology)? {
            Taken::Yes => {}
            Taken::No => refused.push(offered),
        }
    }
    Ok(refused)
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
