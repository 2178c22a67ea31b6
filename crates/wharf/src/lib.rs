//! wharf: background work done right.
//!
//! Typed messages and sagas with exactly-once effects in your database. A handler's writes, the messages it sends and
//! the acknowledgement of what it handled are one commit: a crash at any moment loses nothing and doubles nothing.
//!
//! This page is a tutorial, from a first message to operating it. Its examples are compiled and run.
#![doc = include_str!("tutorial.md")]

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
mod guard;
mod handler;
mod health;
mod job;
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
mod schedule;
mod start;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
mod timetable;
mod tx;
mod worker;

pub use bus::Bus;
pub use cancel::{Cancel, CancelReason};
pub use client::{Client, UnitOfWork};
pub use code::Code;
pub use context::Context;
pub use draft::Draft;
pub use endpoint::Endpoint;
pub use envelope::{Death, Envelope, Firing, Journey, Tenant, Trail};
pub use error::Error;
pub use extract::{Attempt, FromDelivery, Msg, State};
pub use failure::{Failure, Permanent, Result, Verdict, snooze};
pub use guard::Guard;
pub use handler::{Answer, Handler, Parameters, Reply};
pub use health::{Check, Health, Status};
pub use job::{Blocking, Enqueued, Job, JobAnswer, JobFilter, JobOptions, JobSettings, Run, blocking};
pub use layer::{Arrival, Handling, Unhandled};
pub use limits::Limits;
pub use memory::{Memory, MemoryTransaction, MemoryTx};
pub use message::{Key, Kind, Message, Priority};
pub use module::Module;
pub use outgoing::Outgoing;
pub use outside::outside;
pub use ports::{
    DeadLetter, DeadLetterFilter, Delivery, Depth, Heartbeat, JobType, LogLevel, LogLine, Progress, RunFilter,
    RunRecord, RunStatus, SagaFilter, SagaId, SagaRecord, SagaRow, SagaTimer, StoredSchedule,
};
pub use retry::Retry;
pub use runtime::{Vital, Vitals, WorkerState};
pub use saga::{Next, Recorder, Saga, SagaConsumer, Start, Step, Stored, TimerChange, begin, finish, stay, to};
pub use schedule::{Misfire, Overlap, PauseAfter, Schedule};
pub use time::{Clock, SystemClock, Timestamp, micros};
pub use timetable::Timetable;
pub use tx::Tx;
pub use worker::{Ended, ReadyWorker, Refused, Worker};
