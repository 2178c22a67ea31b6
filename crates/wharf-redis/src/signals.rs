//! The port for what is fleeting, on Redis.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::StreamExt;
use redis::{Pipeline, pipe};
use tokio::time::sleep;
use uuid::Uuid;
use wharf::{
    Error, Heartbeat,
    ports::{Cancellation, Hear, Signals},
};

use crate::{RedisOptions, link::Link};

/// How often one who listens looks whether Redis is still there, while nothing is heard.
const PING_EVERY: Duration = Duration::from_secs(5);
/// What "for ever" comes to: beyond it Redis cannot count.
const BELIEVED_MAX: Duration = Duration::from_secs(3600 * 24 * 365 * 10);

/// KEYS: who is believed, until when by Redis' own clock (a sorted set); what they told (a hash). ARGV: the worker, for how
/// many milliseconds, what it tells. Clears away who is no longer believed; Redis forgets all once nobody is.
const BEAT: &str = "
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    for _, silent in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))) do
        redis.call('ZREM', KEYS[1], silent)
        redis.call('HDEL', KEYS[2], silent)
    end
    redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
    redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
    local last = string.format('%.0f', redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2])
    redis.call('PEXPIREAT', KEYS[1], last)
    redis.call('PEXPIREAT', KEYS[2], last)
    return redis.status_reply('OK')";

/// The same keys. What those told who are believed.
const BELIEVED: &str = "
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local believed = redis.call('ZRANGEBYSCORE', KEYS[1], string.format('(%.0f', now), '+inf')
    local told = {}
    for at, worker in ipairs(believed) do told[at] = redis.call('HGET', KEYS[2], worker) end
    return told";

/// Signals on Redis. Cheap to clone; clones share their connection.
#[derive(Debug, Clone)]
pub struct Redis {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    link: Link,
    workers: String,
    heartbeats: String,
    cancellations: String,
}

impl Redis {
    /// With the default options: see [`RedisOptions::connect`].
    ///
    /// # Errors
    /// `W0071` when it is no address. What it says never holds the password.
    pub fn connect(url: &str) -> Result<Self, Error> {
        Self::options(url)?.connect()
    }

    /// Options for the Redis at `redis://user:password@host:port/database`.
    ///
    /// # Errors
    /// `W0071` when it is no address. What it says never holds the password.
    pub fn options(url: &str) -> Result<RedisOptions, Error> {
        RedisOptions::new(url)
    }

    pub(crate) fn new(options: RedisOptions) -> Self {
        let name = |of: &str| format!("{}:{of}", options.prefix);
        let shared = Shared {
            workers: name("workers"),
            heartbeats: name("heartbeats"),
            cancellations: name("cancellations"),
            link: Link::new(options.client.clone(), options.place(), options.answer_timeout),
        };
        Self { shared: Arc::new(shared) }
    }

    /// A script on our two keys.
    fn script(&self, script: &str) -> Pipeline {
        let mut pipeline = pipe();
        pipeline.cmd("EVAL").arg(script).arg(2).arg(&self.shared.workers).arg(&self.shared.heartbeats);
        pipeline
    }
}

#[async_trait]
impl Signals for Redis {
    async fn beat(&self, beat: &Heartbeat, believed_for: Duration) -> Result<(), Error> {
        let milliseconds = u64::try_from(believed_for.min(BELIEVED_MAX).as_millis()).unwrap_or(u64::MAX);
        let mut pipeline = self.script(BEAT);
        pipeline.arg(beat.worker.to_string()).arg(milliseconds).arg(beat.to_json()?).ignore();
        self.shared.link.ask("tell that a worker is alive", &pipeline).await
    }

    async fn leave(&self, worker: Uuid) -> Result<(), Error> {
        let (mut pipeline, worker) = (pipe(), worker.to_string());
        pipeline.cmd("ZREM").arg(&self.shared.workers).arg(&worker).ignore();
        pipeline.cmd("HDEL").arg(&self.shared.heartbeats).arg(&worker).ignore();
        self.shared.link.ask("tell that a worker has ended", &pipeline).await
    }

    async fn workers(&self) -> Result<Vec<Heartbeat>, Error> {
        let (told,): (Vec<Option<String>>,) =
            self.shared.link.ask("read who is at work", &self.script(BELIEVED)).await?;
        Ok(Heartbeat::read_all(told.into_iter().flatten()))
    }

    async fn cancel(&self, cancellation: &Cancellation) -> Result<(), Error> {
        let mut pipeline = pipe();
        pipeline.cmd("PUBLISH").arg(&self.shared.cancellations).arg(cancellation.to_json()?).ignore();
        self.shared.link.ask("tell of a cancellation", &pipeline).await
    }

    async fn listen(&self, hear: &Hear) -> Result<(), Error> {
        const LISTEN: &str = "listen";
        let link = &self.shared.link;
        let (mut ask, mut told) = link.listener(&self.shared.cancellations).await?.split();
        loop {
            tokio::select! {
                message = told.next() => {
                    let payload = message.ok_or_else(|| link.lost(LISTEN))?.get_payload::<String>();
                    payload.ok().and_then(|told| Cancellation::read(&told)).into_iter().for_each(hear);
                }
                // A connection may be gone without a word.
                () = sleep(PING_EVERY) => link.in_time::<redis::Value>(LISTEN, ask.ping()).await.map(drop)?,
            }
        }
    }

    async fn ping(&self) -> Result<(), Error> {
        let mut pipeline = pipe();
        pipeline.cmd("PING").ignore();
        self.shared.link.ask("ping", &pipeline).await
    }
}
