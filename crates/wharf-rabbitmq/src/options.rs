//! How a broker is connected.

use std::{fmt, sync::Arc};

use wharf::{Clock, Code, Error, SystemClock};

use crate::{RabbitMq, address::Address};

/// How a broker is connected: [`RabbitMq::options`], then [`connect`](RabbitMqOptions::connect).
#[must_use = "options do nothing until they connect"]
pub struct RabbitMqOptions {
    pub(crate) addresses: Vec<Address>,
    pub(crate) prefix: String,
    pub(crate) prefetch: u16,
    pub(crate) delivery_limit: u32,
    pub(crate) quorum_group_size: Option<u32>,
    pub(crate) copies_max: u32,
    pub(crate) clock: Arc<dyn Clock>,
}

impl RabbitMqOptions {
    pub(crate) fn new(url: &str) -> Result<Self, Error> {
        Ok(Self {
            addresses: Address::read_all(url)?,
            prefix: String::new(),
            prefetch: 256,
            delivery_limit: 10_000,
            quorum_group_size: None,
            copies_max: 10_000,
            clock: Arc::new(SystemClock),
        })
    }

    /// What the names of all queues and exchanges begin with, for applications that share a virtual host. Default
    /// nothing.
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// How many messages of each endpoint the broker hands out ahead of their acknowledgement. Default 256.
    pub fn prefetch(mut self, messages: u16) -> Self {
        self.prefetch = messages;
        self
    }

    /// How often a message comes back without an acknowledgement before the broker sets it aside in the endpoint's
    /// `_error` queue. Default 10,000. It is a last resort: each connection that breaks counts for all that was handed out
    /// on it, handled or not, and what the broker sets aside is no dead letter that the store knows of. What kills its
    /// process is set aside by the store, after three crashes.
    pub fn delivery_limit(mut self, deliveries: u32) -> Self {
        self.delivery_limit = deliveries;
        self
    }

    /// On how many nodes a queue is kept. Default: what the broker decides, three where there are as many.
    pub fn quorum_group_size(mut self, nodes: u32) -> Self {
        self.quorum_group_size = Some(nodes);
        self
    }

    /// How many messages an endpoint's `_error` queue holds, and its `_skipped` queue, as perhaps nobody ever takes any
    /// out. Default 10,000. A dead letter for whose copy there is no room stands in the store alone; what the broker
    /// itself sets aside waits for room.
    pub fn copies_max(mut self, messages: u32) -> Self {
        self.copies_max = messages;
        self
    }

    /// The clock that tells when a lease ends within this process.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Connects, or begins without the broker where it is merely away: what is sent then waits in the outbox, and the
    /// broker is tried again whenever it is needed, with pauses of up to ten seconds. What cannot heal by itself is an
    /// error.
    ///
    /// # Errors
    /// `W0061` when the broker knows no such user or password, `W0062` when the user may not enter the virtual host or
    /// there is none, `W0064` when the two do not agree on TLS, `W0065` when no RabbitMQ that wharf can use answers,
    /// `W0027` when a limit makes no sense.
    pub async fn connect(self) -> Result<RabbitMq, Error> {
        let limits = [self.prefetch.into(), self.delivery_limit, self.quorum_group_size.unwrap_or(1), self.copies_max];
        if limits.contains(&0) {
            let message = "prefetch, delivery_limit, quorum_group_size and copies_max: at least 1";
            return Err(Error::new(Code::LIMIT_INVALID, message));
        }
        RabbitMq::open(self).await
    }
}

impl fmt::Debug for RabbitMqOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitMqOptions")
            .field("addresses", &self.addresses)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
