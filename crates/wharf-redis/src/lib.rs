//! wharf's signals on Redis: which workers are alive, and which messages are no longer wanted.
//!
//! ```no_run
//! # async fn run(postgres: wharf::Memory, module: wharf::Module<()>) -> Result<(), wharf::Error> {
//! use wharf::Worker;
//! use wharf_redis::Redis;
//!
//! let signals = Redis::connect("redis://:password@host:6379")?;
//! let worker = Worker::new(postgres).signals(signals).module(module).ready().await;
//! # Ok(())
//! # }
//! ```
//!
//! Nothing that matters is kept here. Redis may be away when a process starts, go away and come back empty: work goes on,
//! [`Client::health`](wharf::Client::health) says that signals do not answer, and what was not heard is told again.
//!
//! A heartbeat is a key that Redis forgets by itself; cancellations are published on a channel, which each worker listens to
//! on a connection of its own. Redis 6.0 or later, one server: no cluster, and no TLS yet.

mod link;
mod options;
mod signals;

pub use options::RedisOptions;
pub use signals::Redis;
