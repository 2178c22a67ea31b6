//! For tests: a clock that is wound, a harness, sagas drawn and checked, the suite every engine must pass, and seeded
//! faults.

mod check;
mod clock;
pub mod conformance;
mod explore;
mod faulty;
mod harness;
mod instance;
mod transcript;
mod unruly;

pub use check::{Chance, Check, Environment, Report, World};
pub use clock::ManualClock;
pub use explore::{Graph, explore};
pub use faulty::Faulty;
pub use harness::Harness;
pub use unruly::Unruly;
