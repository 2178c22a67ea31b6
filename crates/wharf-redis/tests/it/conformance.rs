//! Redis keeps the promises of whatever carries signals.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use wharf::{ports::Signals, testing::conformance::signals::Signallers};
use wharf_redis::Redis;

use crate::server::{prefix, url};

/// Two connections under one prefix, and one under another.
struct OnRedis {
    here: Redis,
    there: Redis,
    elsewhere: Redis,
}

#[async_trait]
impl Signallers for OnRedis {
    async fn start() -> Self {
        let (ours, theirs) = (prefix(), prefix());
        let connect = |prefix: &str| Redis::options(&url()).unwrap().prefix(prefix).connect().unwrap();
        Self { here: connect(&ours), there: connect(&ours), elsewhere: connect(&theirs) }
    }

    fn here(&self) -> Arc<dyn Signals> {
        Arc::new(self.here.clone())
    }

    fn there(&self) -> Arc<dyn Signals> {
        Arc::new(self.there.clone())
    }

    fn elsewhere(&self) -> Arc<dyn Signals> {
        Arc::new(self.elsewhere.clone())
    }

    /// Redis has a clock of its own.
    async fn pass(&self, _: Duration) {}
}

wharf::conformance_signals!(OnRedis);
