//! `orderly replay`: a real order file in; orders, cancellations and rejected lines out.
//!
//! One half is pure and knows no database, no clock and no messages. The file is read in passes and never held:
//! `Survey` learns what only the whole file tells (products, their opening stock, where invoices end), `Plan` walks it in
//! file order, and `Rejects` copies from it the lines that were refused. Survey and plan are pure functions of the file,
//! so a run that was killed and started again makes the same plan.
//!
//! The other half carries the plan out: `opening` fills the shelves, `placing` places, cancels and takes back, `waiting` keeps what may only be taken back
//! later, `run` is the command
//! around them, and `Report` what it came to.

mod assembly;
mod draft;
mod file;
mod line;
mod opening;
mod outline;
mod past_orders;
mod placing;
mod plan;
mod records;
mod rejects;
mod report;
mod run;
mod survey;
mod waiting;

#[cfg(test)]
#[path = "../../tests/it/order_file.rs"]
mod order_file;
#[cfg(test)]
mod whole_file;

pub(crate) use run::run;
