//! The connection for all that is asked and told: made when it is first needed, and made anew once it is lost.

use std::{fmt, future::Future, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult,
    aio::{MultiplexedConnection, PubSub},
};
use tokio::{sync::Mutex, time::timeout};
use wharf::{Code, Error};

/// One Redis.
pub(crate) struct Link {
    client: Client,
    place: String,
    answer_timeout: Duration,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Link {
    pub(crate) fn new(client: Client, place: String, answer_timeout: Duration) -> Self {
        Self { client, place, answer_timeout, connection: Mutex::default() }
    }

    /// Asks. A connection that turns out to be lost is made anew once, so nothing is asked that must not be asked twice.
    pub(crate) async fn ask<T: FromRedisValue>(&self, what: &str, pipeline: &Pipeline) -> Result<T, Error> {
        let used = self.connection.lock().await.clone();
        if let Some(connection) = used {
            match self.ask_on(connection, what, pipeline).await {
                Ok(answer) => return Ok(answer),
                Err(Unanswered::Refused(error)) => return Err(error),
                Err(Unanswered::Lost(_)) => *self.connection.lock().await = None,
            }
        }
        let connection = self.connected().await?;
        match self.ask_on(connection, what, pipeline).await {
            Ok(answer) => Ok(answer),
            Err(Unanswered::Refused(error)) => Err(error),
            Err(Unanswered::Lost(error)) => {
                *self.connection.lock().await = None;
                Err(error)
            }
        }
    }

    /// A connection of its own, that listens.
    pub(crate) async fn listener(&self, channel: &str) -> Result<PubSub, Error> {
        self.in_time("listen", async {
            let mut listener = self.client.get_async_pubsub().await?;
            listener.subscribe(channel).await?;
            Ok(listener)
        })
        .await
    }

    /// Does it as long as an answer may take.
    pub(crate) async fn in_time<T>(&self, what: &str, asked: impl Future<Output = RedisResult<T>>) -> Result<T, Error> {
        match timeout(self.answer_timeout, asked).await {
            Ok(answer) => answer.map_err(|error| self.failed(what, error)),
            Err(_) => Err(self.away(what)),
        }
    }

    /// The error of one that was lost while it listened.
    pub(crate) fn lost(&self, what: &str) -> Error {
        Error::new(Code::SIGNALS_AWAY, format!("cannot {what}: Redis at {} has ended the connection", self.place))
    }

    /// The first who needs one connects, and the others wait for that.
    async fn connected(&self) -> Result<MultiplexedConnection, Error> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = &*kept {
            return Ok(connection.clone());
        }
        // The time is kept here.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let connection = self.in_time("connect", connecting).await?;
        Ok(kept.insert(connection).clone())
    }

    async fn ask_on<T: FromRedisValue>(
        &self,
        mut connection: MultiplexedConnection,
        what: &str,
        pipeline: &Pipeline,
    ) -> Result<T, Unanswered> {
        match timeout(self.answer_timeout, pipeline.query_async(&mut connection)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if is_answer(&error) => Err(Unanswered::Refused(self.failed(what, error))),
            Ok(Err(error)) => Err(Unanswered::Lost(self.failed(what, error))),
            Err(_) => Err(Unanswered::Lost(self.away(what))),
        }
    }

    fn failed(&self, what: &str, error: RedisError) -> Error {
        Error::new(Code::SIGNALS_AWAY, format!("cannot {what} on Redis at {}", self.place)).caused_by(error)
    }

    fn away(&self, what: &str) -> Error {
        let (place, time) = (&self.place, self.answer_timeout);
        Error::new(Code::SIGNALS_AWAY, format!("cannot {what}: Redis at {place} did not answer within {time:?}"))
    }
}

/// Why there is no answer to use.
enum Unanswered {
    /// Redis does not like what was asked. The connection is sound.
    Refused(Error),
    /// The connection is not to be used any more.
    Lost(Error),
}

fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType)
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("place", &self.place).finish_non_exhaustive()
    }
}
