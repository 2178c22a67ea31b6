//! wharf: background work done right.
//!
//! Typed messages and sagas with exactly-once effects in your database. A handler's writes, the messages it sends and
//! the acknowledgement of what it handled are one commit: a crash at any moment loses nothing and doubles nothing.
//!
//! A message is a serde type with a name; a handler is an async function; a worker runs them; a test winds the clock:
//!
//! ```
//! use std::time::Duration;
//!
//! use serde::{Deserialize, Serialize};
//! use wharf::testing::{Harness, ManualClock};
//! use wharf::{Attempt, Failure, Key, Memory, MemoryTx, Message, Module, Msg, Result, Tx, Worker};
//!
//! #[derive(Serialize, Deserialize)]
//! struct OrderPlaced { order: i64 }
//!
//! impl Message for OrderPlaced {
//!     const NAME: &'static str = "shop.order-placed";
//!     fn key(&self) -> Key { Key::new("order", self.order) }
//! }
//!
//! async fn pack(Msg(placed): Msg<OrderPlaced>, mut tx: Tx, attempt: Attempt) -> Result {
//!     tx.memory().await?.put(&format!("order {}", placed.order), "packed");
//!     match attempt.number {
//!         1 => Err(Failure::retry("out of boxes")), // undoes the write
//!         _ => Ok(()),                              // commits it, with the acknowledgement
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let clock = ManualClock::new();
//! let engine = Memory::with_clock(clock.clone());
//! let worker = Worker::new(engine.clone()).module(Module::new("shop", ()).consume("pack", pack));
//!
//! let mut app = Harness::start(worker, clock).await; // in production: worker.run_until(shutdown).await
//! app.publish(OrderPlaced { order: 7 }).await;
//! app.wind(Duration::from_secs(60)).await;
//!
//! assert_eq!(engine.get("order 7").await.as_deref(), Some("packed"));
//! assert_eq!(app.transcript(), "\
//! → shop.order-placed order:7
//! pack ← shop.order-placed order:7 ✗ W0001 out of boxes, again in 1s
//! -- 1s later
//! pack ← shop.order-placed order:7 (attempt 2)");
//! app.finish().await; // nothing is left behind, or this fails
//! # }
//! ```

mod bus;
mod cancel;
mod client;
mod code;
mod context;
mod draft;
mod endpoint;
mod envelope;
mod error;
mod extract;
mod failure;
mod handler;
mod health;
mod layer;
mod limits;
mod memory;
mod message;
mod module;
mod outgoing;
mod outside;
pub mod ports;
mod retry;
mod routes;
mod runtime;
mod saga;
mod start;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
mod tx;
mod worker;

pub use bus::Bus;
pub use cancel::{Cancel, CancelReason};
pub use client::{Client, UnitOfWork};
pub use code::Code;
pub use context::Context;
pub use draft::Draft;
pub use endpoint::Endpoint;
pub use envelope::{Envelope, Journey, Tenant, Trail};
pub use error::Error;
pub use extract::{Attempt, FromDelivery, Msg, State};
pub use failure::{Failure, Permanent, Result, Verdict, snooze};
pub use handler::{Answer, Handler, Parameters, Reply};
pub use health::{Check, Health, Status};
pub use layer::{Arrival, Handling, Unhandled};
pub use limits::Limits;
pub use memory::{Memory, MemoryTransaction, MemoryTx};
pub use message::{Key, Kind, Message, Priority};
pub use module::Module;
pub use outgoing::Outgoing;
pub use outside::outside;
pub use ports::{DeadLetter, DeadLetterFilter, Delivery, Depth, SagaId, SagaRow};
pub use retry::Retry;
pub use runtime::{Vital, Vitals, WorkerState};
pub use saga::{Next, Recorder, Saga, SagaConsumer, Start, Step, Stored, TimerChange, begin, finish, stay, to};
pub use time::{Clock, SystemClock, Timestamp, micros};
pub use tx::Tx;
pub use worker::{Ended, ReadyWorker, Refused, Worker};
