//! The relay: takes messages from the outbox to a transport of another kind.
//!
//! The outbox of a destination is an endpoint of the store's own, and the relay is its one consumer: so leases, delays,
//! retries, dead letters and any number of relays side by side are those of every endpoint. A delivery there is settled
//! only after the transport has confirmed its message. What is confirmed and then not settled, as after a crash, is sent
//! again, and the inbox at its destination knows it.
//!
//! What comes in while a batch is under way goes out together as the next one.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::oneshot;

use super::Runtime;
use crate::{
    Code, Delivery, Error, Journey, Kind, Outgoing, Retry, Timestamp,
    context::Context,
    endpoint::EndpointDefinition,
    failure::{Failure, Result, Verdict, snooze},
    handler::Consumer,
    ports::{Outbox, Transport, Turns},
};

/// A transport that does not answer is left alone this long, then ever longer.
const AWAY_PAUSE_MIN: Duration = Duration::from_secs(1);
const AWAY_PAUSE_MAX: Duration = Duration::from_secs(30);
/// How often the copy of a dead letter is offered to a transport that does not take it: for some two minutes.
const COPY_ATTEMPTS_MAX: u32 = 8;

/// Puts messages on a transport, and remembers when it did not answer. All outboxes of a worker share one.
#[derive(Debug)]
pub(crate) struct Relay {
    runtime: Runtime,
    transport: Arc<dyn Transport>,
    waiting: Mutex<Vec<Waiting>>,
    /// Held by whoever sends a batch.
    sending: tokio::sync::Mutex<()>,
    away: Mutex<Away>,
}

#[derive(Debug)]
struct Waiting {
    message: Outgoing,
    tell: oneshot::Sender<Forwarded>,
}

/// What became of a message.
#[derive(Debug)]
enum Forwarded {
    Confirmed,
    /// The transport does not take this one.
    Refused(Error),
    /// The transport does not answer. Whether it has the message nobody knows.
    Away,
}

/// How long the transport has not answered.
#[derive(Debug, Default)]
struct Away {
    times: u32,
    until: Option<Timestamp>,
}

impl Relay {
    pub(crate) fn new(runtime: Runtime, transport: Arc<dyn Transport>) -> Arc<Self> {
        let (waiting, sending, away) = (Mutex::default(), tokio::sync::Mutex::default(), Mutex::default());
        Arc::new(Self { runtime, transport, waiting, sending, away })
    }

    /// The outbox of a destination, as an endpoint with one consumer.
    pub(crate) fn outbox(self: &Arc<Self>, destination: &str) -> EndpointDefinition {
        let (relay, destination) = (Arc::clone(self), Arc::<str>::from(destination));
        let name = Outbox::endpoint(&destination);
        let subscription = (Consumer::ANY, u16::MAX, Kind::Command);
        let consumer = Consumer::raw(&name, subscription, move |context: &Context| -> BoxFuture<'static, Result> {
            let (relay, destination) = (Arc::clone(&relay), Arc::clone(&destination));
            let delivery = Arc::clone(&context.delivery);
            async move { relay.forward(destination, &delivery).await }.boxed()
        });
        let window = self.runtime.limits.relay_window_max_messages;
        EndpointDefinition {
            consumers: vec![consumer],
            retry: Retry::exponential("relay", Duration::from_secs(1), Duration::from_secs(60), 8),
            concurrency: window,
            prefetch: window * 2,
            // The transport has a limit of its own, shorter than this.
            timeout: self.runtime.limits.relay_confirm_timeout * 2,
            relay: Some(Arc::clone(self)),
            turns: Turns::Ordered { dead_letters_hold: true },
            ..EndpointDefinition::new(&name)
        }
    }

    /// Where copies of dead letters wait, as an endpoint with one consumer.
    pub(crate) fn letters(self: &Arc<Self>) -> EndpointDefinition {
        let relay = Arc::clone(self);
        let subscription = (Consumer::ANY, u16::MAX, Kind::Command);
        let consumer =
            Consumer::raw(Outbox::LETTERS, subscription, move |context: &Context| -> BoxFuture<'static, Result> {
                let (relay, delivery) = (Arc::clone(&relay), Arc::clone(&context.delivery));
                let attempt = context.failed_attempts + 1;
                async move { relay.copy(&delivery, attempt).await }.boxed()
            });
        EndpointDefinition {
            consumers: vec![consumer],
            retry: Retry::exponential("copies", Duration::from_secs(1), Duration::from_secs(60), COPY_ATTEMPTS_MAX),
            timeout: self.runtime.limits.relay_confirm_timeout * 2,
            relay: Some(Arc::clone(self)),
            ..EndpointDefinition::new(Outbox::LETTERS)
        }
    }

    /// Puts the copy of a dead letter on the transport. One that it does not take is no dead letter in its turn.
    async fn copy(&self, delivery: &Delivery, attempt: u32) -> Result {
        let now = self.runtime.post.clock.now();
        let envelope = &delivery.envelope;
        let Some(death) = &envelope.trail.death else { return Ok(()) };
        let letter = outgoing(Arc::clone(&death.endpoint), delivery, now);
        match self.confirmed(self.transport.copy_letter(&letter)).await {
            Forwarded::Confirmed => Ok(()),
            Forwarded::Away => Err(self.snooze()),
            Forwarded::Refused(error) if attempt < COPY_ATTEMPTS_MAX => Err(Failure::coded(Verdict::Retry, error)),
            Forwarded::Refused(error) => {
                tracing::warn!(
                    endpoint = &*death.endpoint,
                    id = %envelope.id,
                    error = error.chain(),
                    "no copy of a dead letter on the transport; the letter itself stands in the store"
                );
                Ok(())
            }
        }
    }

    /// Until when nothing is to be taken from the outbox, as nothing could be sent.
    pub(crate) fn away_until(&self) -> Option<Timestamp> {
        self.away().until
    }

    async fn forward(&self, destination: Arc<str>, delivery: &Delivery) -> Result {
        let now = self.runtime.post.clock.now();
        let message = outgoing(destination, delivery, now);
        match self.send_with_others(message).await {
            Forwarded::Confirmed => Ok(()),
            Forwarded::Refused(error) => Err(Failure::coded(Verdict::Retry, error)),
            Forwarded::Away => Err(self.snooze()),
        }
    }

    /// Until the transport is asked again.
    fn snooze(&self) -> Failure {
        let now = self.runtime.post.clock.now();
        let until = self.away_until().unwrap_or(now);
        snooze(until.since(now).max(Duration::from_millis(1)))
    }

    /// Waits until nobody is sending; then the message was sent with theirs, or all that wait are sent with this one.
    async fn send_with_others(&self, message: Outgoing) -> Forwarded {
        let (tell, mut told) = oneshot::channel();
        lock(&self.waiting).push(Waiting { message, tell });
        let _sending = self.sending.lock().await;
        match told.try_recv() {
            Ok(forwarded) => return forwarded,
            // Whoever took it along broke off.
            Err(oneshot::error::TryRecvError::Closed) => return Forwarded::Away,
            Err(oneshot::error::TryRecvError::Empty) => {}
        }
        loop {
            let batch: Vec<_> = {
                let mut waiting = lock(&self.waiting);
                let most = self.runtime.limits.relay_batch_max_messages.min(waiting.len());
                waiting.drain(..most).collect()
            };
            self.send(batch).await;
            match told.try_recv() {
                Ok(forwarded) => return forwarded,
                Err(oneshot::error::TryRecvError::Closed) => return Forwarded::Away,
                Err(oneshot::error::TryRecvError::Empty) => {}
            }
        }
    }

    async fn send(&self, batch: Vec<Waiting>) {
        let (messages, tell): (Vec<_>, Vec<_>) = batch.into_iter().map(|one| (one.message, one.tell)).unzip();
        match self.put(&messages).await {
            Forwarded::Refused(_) if messages.len() > 1 => {
                // One of them is to blame; each gets an answer of its own.
                for (message, tell) in messages.iter().zip(tell) {
                    let _ = tell.send(self.put(std::slice::from_ref(message)).await);
                }
            }
            Forwarded::Refused(error) => {
                if let Some(tell) = tell.into_iter().next() {
                    let _ = tell.send(Forwarded::Refused(error));
                }
            }
            Forwarded::Confirmed => tell.into_iter().for_each(|tell| drop(tell.send(Forwarded::Confirmed))),
            Forwarded::Away => tell.into_iter().for_each(|tell| drop(tell.send(Forwarded::Away))),
        }
    }

    async fn put(&self, messages: &[Outgoing]) -> Forwarded {
        self.confirmed(self.transport.send(messages)).await
    }

    /// Sends, unless the transport is left alone just now.
    async fn confirmed(&self, sending: impl Future<Output = std::result::Result<(), Error>>) -> Forwarded {
        let clock = &self.runtime.post.clock;
        if self.away_until().is_some_and(|until| until > clock.now()) {
            return Forwarded::Away;
        }
        let limit = self.runtime.limits.relay_confirm_timeout;
        let sent = tokio::select! {
            biased;
            sent = sending => sent,
            () = clock.sleep_until(clock.now() + limit) => {
                Err(Error::new(Code::ENGINE_UNREACHABLE, format!("the transport did not confirm within {limit:?}")))
            }
        };
        match sent {
            Ok(()) => {
                self.answers();
                Forwarded::Confirmed
            }
            Err(error) if is_refusal(&error) => {
                self.answers();
                Forwarded::Refused(error)
            }
            Err(error) => {
                self.does_not_answer(&error);
                Forwarded::Away
            }
        }
    }

    fn answers(&self) {
        let was_away = std::mem::take(&mut *self.away()).times > 0;
        if was_away {
            tracing::info!("the transport answers again; the outbox empties");
        }
    }

    fn does_not_answer(&self, error: &Error) {
        let now = self.runtime.post.clock.now();
        self.runtime.vitals.stumble(RELAY, now);
        let mut away = self.away();
        let pause = AWAY_PAUSE_MIN.saturating_mul(2_u32.saturating_pow(away.times)).min(AWAY_PAUSE_MAX);
        (away.times, away.until) = (away.times.saturating_add(1), Some(now + pause));
        let times = away.times;
        tracing::error!(
            error = error.chain(),
            times,
            ?pause,
            "the transport does not answer; messages wait in the outbox"
        );
    }

    fn away(&self) -> MutexGuard<'_, Away> {
        lock(&self.away)
    }
}

/// The name of a worker's relay in its vitals.
const RELAY: &str = "wharf.relay";

/// Whether the transport answered, and does not take the message.
fn is_refusal(error: &Error) -> bool {
    [Code::ENGINE_FAILED, Code::BODY_TOO_LARGE, Code::BODY_UNWRITABLE].contains(&error.code())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A message of the outbox as it is put on the transport. The counts of its delivery in the outbox are the relay's, and
/// stay behind.
fn outgoing(destination: Arc<str>, delivery: &Delivery, now: Timestamp) -> Outgoing {
    let mut envelope = delivery.envelope.clone();
    let journey = envelope.trail.journey.unwrap_or_else(|| Journey::begin(envelope.sent_at));
    // What was claimed before may have been put on the transport then, and nobody knows when that was.
    let since = if delivery.lease.epoch == 1 { now } else { journey.since };
    let redrives = envelope.redrives.max(journey.redrives);
    envelope.trail.journey = Some(Journey { since, redrives, ..journey });
    (envelope.attempt, envelope.crashes) = (0, 0);
    // Whether deliveries take turns there is known to whoever claims them.
    Outgoing::new(destination, envelope, Arc::clone(&delivery.body)).in_turn()
}
