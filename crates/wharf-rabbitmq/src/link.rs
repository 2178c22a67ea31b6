//! The connection to the broker: made when it is needed, made anew when it has broken, and not tried too often.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use lapin::{Channel, Connection, ConnectionProperties, options::ConfirmSelectOptions, uri::AMQPUri};
use tokio::{sync::Mutex, time::Instant};
use wharf::{Code, Error};

use crate::error::{failed, heals, not_connected};

/// How long the broker is left alone that could not be connected to; then twice that, and so on.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A connection that worked when it was last looked at, and the channel that everything is published on.
#[derive(Debug)]
pub(crate) struct Link {
    connection: Connection,
    pub(crate) publishing: Channel,
}

/// Where the present connection is had.
#[derive(Debug)]
pub(crate) struct Links {
    uri: AMQPUri,
    present: Mutex<Present>,
}

#[derive(Debug, Default)]
struct Present {
    link: Option<Arc<Link>>,
    trouble: Option<Trouble>,
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
    pub(crate) fn new(uri: AMQPUri) -> Self {
        Self { uri, present: Mutex::default() }
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

    /// The present connection; a new one where there is none that works. After one that could not be made, the same error
    /// for a while.
    pub(crate) async fn get(&self) -> Result<Arc<Link>, Error> {
        let Present { link, trouble } = &mut *self.present.lock().await;
        if let Some(link) = link.as_ref().filter(|link| link.works()) {
            return Ok(Arc::clone(link));
        }
        if let Some(trouble) = trouble.as_ref().filter(|trouble| Instant::now() < trouble.until) {
            return Err(Error::new(trouble.code, trouble.told.clone()));
        }
        match Link::open(&self.uri).await {
            Ok(new) => {
                if trouble.take().is_some() || link.is_some() {
                    tracing::info!("connected to RabbitMQ again");
                }
                Ok(Arc::clone(link.insert(Arc::new(new))))
            }
            Err(error) => {
                let times = trouble.as_ref().map_or(0, |trouble| trouble.times) + 1;
                let (code, told) = (error.code(), error.chain());
                *trouble = Some(Trouble { times, until: Instant::now() + pause(times), code, told });
                Err(error)
            }
        }
    }

    /// Ends the present connection. What was not acknowledged goes back to its queue.
    pub(crate) async fn close(&self) {
        if let Some(link) = self.present.lock().await.link.take() {
            // It may be broken already; then there is nobody to say good-bye to.
            let _ = link.connection.close(200, "closed".into()).await;
        }
    }
}

impl Link {
    async fn open(uri: &AMQPUri) -> Result<Self, Error> {
        let properties = ConnectionProperties::default().with_connection_name("wharf".into());
        let connection = Connection::connect_uri(uri.clone(), properties).await;
        let connection = connection.map_err(|error| {
            let authority = &uri.authority;
            let what = format!(
                "cannot connect to RabbitMQ at {}:{}, virtual host \"{}\", as \"{}\"",
                authority.host, authority.port, uri.vhost, authority.userinfo.username
            );
            not_connected(what, error)
        })?;
        let publishing = connection.create_channel().await.map_err(|error| failed("open a channel", error))?;
        let confirmed = publishing.confirm_select(ConfirmSelectOptions::default()).await;
        confirmed.map_err(|error| failed("ask for confirms", error))?;
        Ok(Self { connection, publishing })
    }

    /// A channel of its own.
    pub(crate) async fn channel(&self) -> Result<Channel, Error> {
        self.connection.create_channel().await.map_err(|error| failed("open a channel", error))
    }

    fn works(&self) -> bool {
        self.connection.status().connected() && self.publishing.status().connected()
    }
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
