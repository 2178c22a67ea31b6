//! `orderly demo`: a day in the life of the shop, with all that can become of an order, as fast as one likes.
//!
//! `Script` is pure: which goods there are, and what customer number so-and-so orders and when, follows from the seed
//! alone, so a run that was killed and is started again goes on with the same orders. `staging` carries it out against the
//! real modules and the simulated providers, which draw by the same seed. `run` is the command around them, and `Report`
//! what it came to.

mod report;
mod run;
mod script;
mod staging;

pub(crate) use run::run;
