//! The transport itself: what wharf asks, and who here answers it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use lapin::{options::QueueDeclareOptions, types::FieldTable};
use wharf::{
    Clock, Error, Outgoing,
    ports::{Claim, Claimed, Condition, Depth, Lease, Outcome, Settlement, Subscription, Transport, Wakeups},
};

use crate::{
    RabbitMqOptions,
    error::failed,
    held::Shelves,
    intake::{Intake, Place},
    link::{Links, in_time},
    publish::{copy, publish},
    receipts,
    topology::Topology,
};

/// RabbitMQ as a transport. Cheap to clone; clones share their connection.
#[derive(Clone)]
pub struct RabbitMq(Arc<Broker>);

struct Broker {
    links: Links,
    topology: Topology,
    shelves: Arc<Shelves>,
    wakeups: Arc<Wakeups>,
    clock: Arc<dyn Clock>,
    intakes: Mutex<HashMap<String, Arc<Intake>>>,
    /// Held by whoever opens one.
    opening: tokio::sync::Mutex<()>,
    prefetch: u16,
}

impl RabbitMq {
    /// Begins to connect: `amqp://user:password@host:5672/vhost`, or `amqps://` for TLS. Of several hosts, parted by
    /// commas, any that answers is used, and another when it no longer does. The authorities whose certificates are
    /// trusted are those that browsers trust, and those in the file `cacertfile=` of the address, in PEM; `heartbeat=`
    /// in seconds and `connection_timeout=` in milliseconds are understood, too.
    ///
    /// # Errors
    /// `W0060` when it is no address, `W0064` when the file of certificates cannot be read. What it says never holds the
    /// password.
    pub fn options(url: &str) -> Result<RabbitMqOptions, Error> {
        RabbitMqOptions::new(url)
    }

    pub(crate) async fn open(options: RabbitMqOptions) -> Result<Self, Error> {
        let broker = Broker {
            topology: Topology::new(&options),
            shelves: Arc::default(),
            wakeups: Arc::default(),
            intakes: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            prefetch: options.prefetch,
            clock: options.clock,
            links: Links::new(options.addresses),
        };
        broker.links.begin().await?;
        Ok(Self(Arc::new(broker)))
    }

    /// Ends the connection. What was not acknowledged goes back to its queue.
    pub async fn close(&self) {
        self.0.intakes().clear();
        self.0.links.close().await;
    }
}

#[cfg(feature = "testing")]
impl RabbitMq {
    /// Removes every queue and exchange that this process has declared, and ends the connection.
    ///
    /// # Errors
    /// When the broker does not do it.
    pub async fn remove(&self) -> Result<(), Error> {
        self.0.intakes().clear();
        let link = self.0.links.get().await?;
        self.0.topology.remove(&link).await?;
        self.close().await;
        Ok(())
    }
}

impl Broker {
    /// The consumer of an endpoint; a new one where there is none that works.
    async fn intake(&self, endpoint: &str) -> Result<Arc<Intake>, Error> {
        let works = || self.intakes().get(endpoint).filter(|intake| intake.works()).map(Arc::clone);
        if let Some(intake) = works() {
            return Ok(intake);
        }
        let _opening = self.opening.lock().await;
        if let Some(intake) = works() {
            return Ok(intake);
        }
        if self.intakes().remove(endpoint).is_some() {
            // Whatever ended it may have taken the queue along.
            self.topology.forget();
        }
        let link = self.links.get().await?;
        let (shelves, wakeups, clock) = (Arc::clone(&self.shelves), Arc::clone(&self.wakeups), Arc::clone(&self.clock));
        let place = Place { shelves, wakeups, clock, prefetch: self.prefetch };
        let intake = Arc::new(in_time(Intake::start(&link, &self.topology, endpoint, place)).await?);
        self.intakes().insert(endpoint.to_owned(), Arc::clone(&intake));
        Ok(intake)
    }

    fn intakes(&self) -> MutexGuard<'_, HashMap<String, Arc<Intake>>> {
        self.intakes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Transport for RabbitMq {
    async fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, Error> {
        let intake = self.0.intake(claim.endpoint).await?;
        if self.0.shelves.count(claim.endpoint).0 < claim.max {
            intake.look().await?;
        }
        Ok(self.0.shelves.take(claim, self.0.clock.now()))
    }

    async fn settle(&self, batch: &[Settlement]) -> Result<Vec<bool>, Error> {
        let mut given_back = Vec::with_capacity(batch.len());
        let mut receipts = Vec::with_capacity(batch.len());
        for Settlement { lease, outcome, .. } in batch {
            match outcome {
                // What comes again later was put back into the outbox; what comes again at once waits here.
                Outcome::Return { .. } | Outcome::Retry { .. } | Outcome::Unknown { .. } => {
                    given_back.push(self.0.shelves.give_back(*lease));
                    receipts.push(None);
                }
                Outcome::Done | Outcome::DeadLetter { .. } => {
                    given_back.push(false);
                    receipts.push(self.0.shelves.let_go(*lease));
                }
            }
        }
        let told = receipts::acknowledge(receipts).await;
        Ok(given_back.into_iter().zip(told).map(|(given_back, told)| given_back || told).collect())
    }

    async fn renew(&self, leases: &[Lease], length: Duration) -> Result<Vec<Lease>, Error> {
        Ok(self.0.shelves.renew(leases, self.0.clock.now() + length))
    }

    async fn send(&self, batch: &[Outgoing]) -> Result<(), Error> {
        let link = self.0.links.to_publish().await?;
        publish(&link, &self.0.topology, batch).await
    }

    fn copies_letters(&self) -> bool {
        true
    }

    async fn copy_letter(&self, letter: &Outgoing) -> Result<(), Error> {
        let link = self.0.links.to_publish().await?;
        copy(&link, &self.0.topology, letter).await
    }

    async fn depth(&self) -> Result<Vec<Depth>, Error> {
        let link = self.0.links.get().await?;
        let mut depths = Vec::new();
        for endpoint in self.0.topology.endpoints() {
            let queue = self.0.topology.queue(&endpoint)?;
            let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
            let channel = link.channel().await?;
            let told = channel.queue_declare(queue.clone(), options, FieldTable::default()).await;
            let waiting =
                told.map_err(|error| failed(&format!("ask for the depth of \"{queue}\""), error))?.message_count();
            let _ = channel.close(200, "done".into()).await;
            let (ready, held) = self.0.shelves.count(&endpoint);
            let (due, held) = (u64::from(waiting) + ready as u64, held as u64);
            if due + held > 0 {
                depths.push(Depth { endpoint, due, delayed: 0, held, oldest: None });
            }
        }
        Ok(depths)
    }

    fn prepare(&self, consumed: &[Subscription]) {
        self.0.topology.bind_later(consumed);
    }

    fn know(&self, subscriptions: &[Subscription]) {
        self.0.topology.know(subscriptions);
    }

    fn condition(&self) -> Option<Condition> {
        let intakes = self.0.intakes();
        let consuming = intakes.iter().filter(|(_, intake)| intake.works()).map(|(endpoint, _)| endpoint.clone());
        Some(Condition { name: "rabbitmq", trouble: self.0.links.trouble(), consuming: consuming.collect() })
    }

    fn wakeups(&self) -> &Wakeups {
        &self.0.wakeups
    }
}

impl fmt::Debug for RabbitMq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitMq").field("topology", &self.0.topology).finish_non_exhaustive()
    }
}
