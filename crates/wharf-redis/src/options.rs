//! How Redis is connected.

use std::{fmt, time::Duration};

use redis::Client;
use wharf::{Code, Error};

use crate::Redis;

/// How long a prefix may be.
const PREFIX_SIZE_MAX_BYTES: usize = 64;

/// How Redis is connected: [`Redis::options`], then [`connect`](RedisOptions::connect).
#[must_use = "options do nothing until they connect"]
pub struct RedisOptions {
    pub(crate) client: Client,
    pub(crate) prefix: String,
    pub(crate) answer_timeout: Duration,
}

impl RedisOptions {
    pub(crate) fn new(url: &str) -> Result<Self, Error> {
        let client = Client::open(url).map_err(|error| {
            // What it says of an address is a few words, and never the address.
            let message = format!("cannot read the address of Redis, redis://user:password@host:6379/0: {error}");
            Error::new(Code::SIGNALS_AWAY, message)
        })?;
        Ok(Self { client, prefix: "wharf".to_owned(), answer_timeout: Duration::from_secs(1) })
    }

    /// What the names of all keys and channels begin with, for applications that share a Redis. Default `wharf`. Channels
    /// do not know of Redis' numbered databases, so these do not keep applications apart.
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// How long Redis may take to let us in, and to answer. Then it counts as away. Default one second.
    pub fn answer_timeout(mut self, time: Duration) -> Self {
        self.answer_timeout = time;
        self
    }

    /// Ready for use. Redis is asked when it is first needed, so it may be away.
    ///
    /// # Errors
    /// `W0027` when an option makes no sense.
    pub fn connect(self) -> Result<Redis, Error> {
        let length = self.prefix.len();
        if length == 0 || length > PREFIX_SIZE_MAX_BYTES || self.answer_timeout.is_zero() {
            let message = format!("prefix: 1 to {PREFIX_SIZE_MAX_BYTES} bytes; answer_timeout: above zero");
            return Err(Error::new(Code::LIMIT_INVALID, message));
        }
        Ok(Redis::new(self))
    }

    /// Where it is, without its password.
    pub(crate) fn place(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("place", &self.place())
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
