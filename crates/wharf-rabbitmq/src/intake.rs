//! What the broker hands out for one endpoint: one consumer on a channel of its own, for as long as that lives.

use std::sync::Arc;

use futures_util::{FutureExt, StreamExt};
use lapin::{
    Channel, Consumer,
    message::Delivery,
    options::{BasicConsumeOptions, BasicGetOptions, BasicQosOptions, QueueDeclareOptions},
    types::{FieldTable, ShortString},
};
use tokio::sync::{mpsc, oneshot};
use wharf::{Clock, Code, Error, ports::Wakeups};

use crate::{
    error::failed,
    held::{Handed, Shelves},
    link::{Link, in_time},
    receipts::{Acknowledged, Receipt},
    topology::Topology,
    wire,
};

/// A consumer at work. Dropping it ends the consumer and gives back what nobody has claimed.
#[derive(Debug)]
pub(crate) struct Intake {
    looks: mpsc::Sender<oneshot::Sender<()>>,
}

/// Where it puts what it is handed, and how it tells of it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) shelves: Arc<Shelves>,
    pub(crate) wakeups: Arc<Wakeups>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) prefetch: u16,
}

struct Consuming {
    endpoint: Arc<str>,
    queue: ShortString,
    /// What the names of exchanges begin with.
    prefix: String,
    channel: Channel,
    acknowledged: Arc<Acknowledged>,
    consumer: Consumer,
    /// Whether one process at a time is handed messages.
    in_turns: bool,
    place: Place,
}

impl Intake {
    pub(crate) async fn start(link: &Link, topology: &Topology, endpoint: &str, place: Place) -> Result<Self, Error> {
        topology.need_queue(link, endpoint).await?;
        let (queue, channel) = (topology.queue(endpoint)?, link.channel().await?);
        let what = |what: &str| format!("{what} the queue \"{queue}\"");
        let limited = channel.basic_qos(place.prefetch, BasicQosOptions::default()).await;
        limited.map_err(|error| failed(&what("limit the prefetch of"), error))?;
        let options = BasicConsumeOptions::default();
        let consumer =
            channel.basic_consume(queue.clone(), ShortString::default(), options, FieldTable::default()).await;
        let consumer = consumer.map_err(|error| failed(&what("consume from"), error))?;
        let (looks, looked) = mpsc::channel(8);
        let consuming = Consuming {
            endpoint: Arc::from(endpoint),
            queue,
            prefix: topology.prefix().to_owned(),
            channel,
            acknowledged: Arc::default(),
            consumer,
            in_turns: topology.takes_turns(endpoint),
            place,
        };
        tokio::spawn(consuming.run(looked));
        Ok(Self { looks })
    }

    pub(crate) fn works(&self) -> bool {
        !self.looks.is_closed()
    }

    /// Returns once everything that the broker had to hand out when it was asked is on the shelf.
    pub(crate) async fn look(&self) -> Result<(), Error> {
        let (tell, told) = oneshot::channel();
        let lost =
            || Error::new(Code::ENGINE_UNREACHABLE, "the connection to RabbitMQ broke while it was consumed from");
        self.looks.send(tell).await.map_err(|_| lost())?;
        told.await.map_err(|_| lost())
    }
}

impl Consuming {
    async fn run(mut self, mut looked: mpsc::Receiver<oneshot::Sender<()>>) {
        loop {
            tokio::select! {
                biased;
                handed = self.consumer.next() => match handed {
                    Some(Ok(delivery)) => self.shelve(delivery),
                    Some(Err(error)) => {
                        tracing::warn!(endpoint = &*self.endpoint, %error, "RabbitMQ hands out nothing more here");
                        break;
                    }
                    None => break,
                },
                asked = looked.recv() => match asked {
                    Some(tell) if self.look().await => drop(tell.send(())),
                    Some(_) | None => break,
                },
            }
        }
        // Who waits for a look is told before the good-bye.
        drop(looked);
        if self.channel.status().connected() {
            let bye = self.channel.close(200, "done".into());
            let _ = in_time(async { bye.await.map_err(|error| failed("close a channel", error)) }).await;
        }
        // Whoever holds something has lost it, and must not go on: another process is handed it now. Whoever waits looks
        // again, and so consumes anew.
        self.place.wakeups.wake([&*Wakeups::leases(&self.endpoint), &*self.endpoint]);
    }

    /// Asks for one message more. Its answer comes behind everything that was on its way here. Where one process at a time
    /// is handed messages none can be asked for; there the answer to any question does.
    async fn look(&mut self) -> bool {
        let asked = async {
            if self.in_turns {
                let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
                let told = self.channel.queue_declare(self.queue.clone(), options, FieldTable::default()).await;
                told.map(|_| None)
            } else {
                self.channel.basic_get(self.queue.clone(), BasicGetOptions::default()).await
            }
        };
        let one_more = match in_time(async { asked.await.map_err(|error| failed("look for more", error)) }).await {
            Ok(one_more) => one_more,
            Err(error) => {
                tracing::warn!(endpoint = &*self.endpoint, error = error.chain(), "RabbitMQ does not answer");
                return false;
            }
        };
        while let Some(Some(Ok(delivery))) = self.consumer.next().now_or_never() {
            self.shelve(delivery);
        }
        one_more.into_iter().for_each(|message| self.shelve(message.delivery));
        true
    }

    fn shelve(&self, delivery: Delivery) {
        let Delivery { delivery_tag, properties, exchange, data, acker, redelivered: again, .. } = delivery;
        let message = exchange.as_str().strip_prefix(&self.prefix).unwrap_or(exchange.as_str());
        let (envelope, body) = wire::read(&properties, message, data, self.place.clock.now());
        let receipt = Receipt::new(&self.acknowledged, delivery_tag, acker);
        self.place.shelves.add(&self.endpoint, Handed { envelope, body, receipt, again });
        self.place.wakeups.wake([&*self.endpoint]);
    }
}
