//! For tests: a clock that is wound, a harness, the suite every engine must pass, and seeded faults.

mod clock;
pub mod conformance;
mod faulty;
mod harness;
mod transcript;
mod unruly;

pub use clock::ManualClock;
pub use faulty::Faulty;
pub use harness::Harness;
pub use unruly::Unruly;
