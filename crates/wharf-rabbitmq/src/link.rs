//! The connection to the broker: made when it is needed, made anew when it has broken, and not tried too often.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use lapin::{Channel, Connection, Event, options::ConfirmSelectOptions};
use tokio::time::{Instant, timeout};
use wharf::{Code, Error};

use crate::{
    address::Address,
    error::{failed, heals, told},
};

/// How long the broker is left alone that could not be connected to; then twice that, and so on.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What is asked of a broker that answered a moment ago is answered within this, or it is away.
const ANSWER_DURATION_MAX: Duration = Duration::from_secs(10);
/// How long a good-bye may take. To a broker that takes nothing in it cannot even be said.
const CLOSE_DURATION_MAX: Duration = Duration::from_secs(2);

/// Connections that worked when they were last looked at: one to consume, and one with the channel that everything is
/// published on. A broker that is short of memory stops reading from whoever publishes; what is acknowledged must not
/// wait behind that.
#[derive(Debug)]
pub(crate) struct Link {
    consuming: Arc<Connection>,
    publishes: Arc<Connection>,
    pub(crate) publishing: Channel,
}

/// Where the present link is had.
#[derive(Debug)]
pub(crate) struct Links {
    addresses: Vec<Address>,
    present: Mutex<Present>,
    /// Held by whoever opens one.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Present {
    link: Option<Arc<Link>>,
    trouble: Option<Trouble>,
    /// Whether any host has ever been logged in to.
    has_worked: bool,
}

/// Why there is no connection, and until when none is tried for.
#[derive(Debug)]
struct Trouble {
    times: u32,
    until: Instant,
    code: Code,
    told: String,
}

impl Links {
    pub(crate) fn new(addresses: Vec<Address>) -> Self {
        Self { addresses, present: Mutex::default(), opening: tokio::sync::Mutex::default() }
    }

    /// Tries once. That the broker is away now is no error: whoever needs it tries again.
    pub(crate) async fn begin(&self) -> Result<(), Error> {
        match self.get().await {
            Ok(_) => Ok(()),
            Err(error) if heals(&error) => {
                tracing::warn!(error = error.chain(), "RabbitMQ is away; going on without it and trying again");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The present link; a new one where there is none that works. After one that could not be made, the same error for a
    /// while.
    pub(crate) async fn get(&self) -> Result<Arc<Link>, Error> {
        let works = || self.present().link.as_ref().filter(|link| link.works()).map(Arc::clone);
        if let Some(link) = works() {
            return Ok(link);
        }
        let _opening = self.opening.lock().await;
        if let Some(link) = works() {
            return Ok(link);
        }
        let (broken, is_known) = {
            let Present { link, trouble, has_worked } = &*self.present();
            if let Some(trouble) = trouble.as_ref().filter(|trouble| Instant::now() < trouble.until) {
                return Err(Error::new(trouble.code, trouble.told.clone()));
            }
            // Who has just lost a broker that it knows need not ask it again who it is.
            (link.clone(), *has_worked && trouble.is_none())
        };
        // A connection may say that it stands and yet open no channel any more; then there is no good in it.
        let (opened, is_again) = match broken.filter(|link| link.is_connected()) {
            Some(link) => match link.anew().await {
                Ok(new) => (Ok(new), false),
                Err(_) => (self.open(is_known).await, true),
            },
            None => (self.open(is_known).await, true),
        };
        let Present { link, trouble, has_worked } = &mut *self.present();
        match opened {
            Ok(new) => {
                if is_again && (*has_worked || trouble.is_some()) {
                    tracing::info!("connected to RabbitMQ again");
                }
                (*trouble, *has_worked) = (None, true);
                Ok(Arc::clone(link.insert(Arc::new(new))))
            }
            Err(error) => {
                let times = trouble.as_ref().map_or(0, |trouble| trouble.times) + 1;
                let (code, told) = (error.code(), told(&error));
                *trouble = Some(Trouble { times, until: Instant::now() + pause(times), code, told });
                Err(error)
            }
        }
    }

    /// As [`get`](Links::get), unless the broker takes no messages in: what was published meanwhile would pile up here.
    pub(crate) async fn to_publish(&self) -> Result<Arc<Link>, Error> {
        let link = self.get().await?;
        if link.is_blocked() {
            return Err(Error::new(Code::BROKER_BLOCKED, "RabbitMQ takes no messages in"));
        }
        Ok(link)
    }

    /// What is wrong, if anything is, in words that name no data. Waits for nobody.
    pub(crate) fn trouble(&self) -> Option<String> {
        let Present { link, trouble, .. } = &*self.present();
        let link = link.as_ref().filter(|link| link.is_connected());
        match (link, trouble) {
            (Some(link), _) if link.is_blocked() => {
                Some(format!("RabbitMQ takes no messages in ({})", Code::BROKER_BLOCKED))
            }
            (Some(_), _) => None,
            (None, Some(trouble)) => Some(format!("RabbitMQ is not connected ({})", trouble.code)),
            (None, None) => Some("RabbitMQ is not connected".to_owned()),
        }
    }

    /// Ends the present connections. What was not acknowledged goes back to its queue.
    pub(crate) async fn close(&self) {
        let link = self.present().link.take();
        if let Some(link) = link {
            for connection in [&link.consuming, &link.publishes] {
                // It may be broken already; then there is nobody to say good-bye to.
                let _ = timeout(CLOSE_DURATION_MAX, connection.close(200, "closed".into())).await;
            }
        }
    }

    fn present(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tries every host, in an order that is drawn. Where none is to be had, says why of one, preferably one that does not
    /// heal by itself.
    async fn open(&self, is_known: bool) -> Result<Link, Error> {
        let mut hosts: Vec<&Address> = self.addresses.iter().collect();
        let draw = RandomState::new();
        hosts.sort_by_cached_key(|host| draw.hash_one(host.to_string()));
        let mut worst: Option<Error> = None;
        for host in hosts {
            match Link::open(host, is_known).await {
                Ok(link) => return Ok(link),
                Err(error) => {
                    if self.addresses.len() > 1 {
                        tracing::warn!(error = error.chain(), "trying the next host");
                    }
                    if worst.as_ref().is_none_or(|worst| heals(worst) && !heals(&error)) {
                        worst = Some(error);
                    }
                }
            }
        }
        Err(worst.unwrap_or_else(|| Error::new(Code::BROKER_ADDRESS_UNREADABLE, "RabbitMQ has no address")))
    }
}

impl Link {
    async fn open(host: &Address, is_known: bool) -> Result<Self, Error> {
        if !is_known {
            host.greet().await?;
        }
        let (consuming, publishes) = (host.dial("wharf").await?, host.dial("wharf, publishing").await?);
        tell_of_blocking(&publishes);
        Self::on(Arc::new(consuming), Arc::new(publishes)).await
    }

    /// The same connections with another channel, where only that has ended: the broker ends it over a message that the
    /// user may not publish.
    async fn anew(&self) -> Result<Self, Error> {
        Self::on(Arc::clone(&self.consuming), Arc::clone(&self.publishes)).await
    }

    async fn on(consuming: Arc<Connection>, publishes: Arc<Connection>) -> Result<Self, Error> {
        let publishing = in_time(async {
            let publishing = publishes.create_channel().await.map_err(|error| failed("open a channel", error))?;
            let confirmed = publishing.confirm_select(ConfirmSelectOptions::default()).await;
            confirmed.map_err(|error| failed("ask for confirms", error))?;
            Ok(publishing)
        })
        .await?;
        Ok(Self { consuming, publishes, publishing })
    }

    /// A channel of its own, on the connection to consume.
    pub(crate) async fn channel(&self) -> Result<Channel, Error> {
        in_time(async { self.consuming.create_channel().await.map_err(|error| failed("open a channel", error)) }).await
    }

    /// Whether the broker takes no messages in, for want of memory or disk.
    fn is_blocked(&self) -> bool {
        self.publishes.status().blocked()
    }

    fn is_connected(&self) -> bool {
        self.consuming.status().connected() && self.publishes.status().connected()
    }

    fn works(&self) -> bool {
        self.is_connected() && self.publishing.status().connected()
    }
}

/// Waits for the broker's answer, but not for one that never comes: a connection may break so that nobody is told.
pub(crate) async fn in_time<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(ANSWER_DURATION_MAX, answer).await.unwrap_or_else(|_| {
        let message = format!("RabbitMQ did not answer within {ANSWER_DURATION_MAX:?}");
        Err(Error::new(Code::ENGINE_UNREACHABLE, message))
    })
}

/// Logs when the broker stops and begins to take messages in, for as long as the connection lives.
fn tell_of_blocking(connection: &Connection) {
    let mut events = Box::pin(connection.events_listener());
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if let Event::ConnectionBlocked(reason) = event {
                tracing::warn!(reason, "RabbitMQ takes no messages in; what is sent waits in the outbox");
            } else if let Event::ConnectionUnblocked = event {
                tracing::info!("RabbitMQ takes messages in again");
            }
        }
    });
}

/// How long nothing is tried after so many failures in a row: between half and all of what has doubled so often, so that
/// processes that lost the broker together do not all come back together.
fn pause(times: u32) -> Duration {
    let most = PAUSE_MIN.saturating_mul(2_u32.saturating_pow(times.saturating_sub(1))).min(PAUSE_MAX);
    let drawn = RandomState::new().hash_one(times) % 1_001;
    most / 2 + most.mul_f64(drawn as f64 / 2_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_seconds_and_half_of_each_is_drawn() {
        for (times, most) in [(1, 100), (2, 200), (3, 400), (7, 6_400), (8, 10_000), (1_000, 10_000)] {
            let most = Duration::from_millis(most);
            let drawn: Vec<_> = (0..100).map(|_| pause(times)).collect();
            assert!(drawn.iter().all(|pause| (most / 2..=most).contains(pause)), "{times}: {drawn:?}");
            assert!(drawn.iter().any(|pause| *pause != drawn[0]), "{times}: all alike");
        }
    }
}
