//! wharf's transport on RabbitMQ: many processes, one broker, and a store that knows what was handled.
//!
//! ```no_run
//! # async fn run(postgres: wharf::Memory, module: wharf::Module<()>) -> Result<(), wharf::Error> {
//! use wharf::Worker;
//! use wharf_rabbitmq::RabbitMq;
//!
//! let broker = RabbitMq::options("amqp://user:password@host/vhost")?.connect().await?;
//! let worker = Worker::new(postgres).via(broker).module(module).ready().await;
//! # Ok(())
//! # }
//! ```
//!
//! Each endpoint has a durable quorum queue of its name. Messages are put there by the relay, persistent and confirmed, and
//! only once they are due: what waits for later stays in the store, where it can be cancelled. A body is plain JSON and its
//! envelope stands in the message's properties and headers, for any client to read. Each message name has a durable
//! exchange, bound to the queues of its consumers, for other clients to publish to.
//!
//! A delivery stays unacknowledged until the store has committed what became of it. A connection that breaks brings it
//! back, and the inbox knows whether it was handled; until the broker answers again, what is sent waits in the outbox.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod address;
mod dial;
mod error;
mod greeting;
mod held;
mod intake;
mod link;
mod options;
mod publish;
mod receipts;
mod topology;
mod transport;
mod wire;

pub use options::RabbitMqOptions;
pub use transport::RabbitMq;
