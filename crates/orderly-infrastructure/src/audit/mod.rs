//! What `orderly verify` runs: proves, on a database at rest or at work, what must hold of it at every moment.
//!
//! # Why a live system raises no false alarm
//!
//! The database is read in one snapshot. What a delivery does (rows, saga, timers, messages, its own end) is one commit,
//! so a snapshot never holds half of it: between two steps of an order, the message that brings the next one stands
//! among the deliveries. Rules about what must follow (a notification, a saga's next event) are therefore exact if they
//! are also content with a message about that order that still waits, or was given up and stands among the dead letters,
//! where it is not lost.
//!
//! The providers' books are another database, so two moments must be compared. A provider books before it answers, and
//! the shop after: what the shop knows, the provider has known before. So the books are read twice, around the snapshot.
//! What the shop claims must stand in the books as they are *afterwards*. What stands in the books *beforehand* must be
//! something that the shop has asked for, because it puts its intent on record, and commits it, before it asks. What was
//! booked in between proves nothing, unless no later moment could make it right: a second charge of one order.
//!
//! Each rule stands beside its query, with when it applies.

pub(crate) mod cases;
mod check;
pub(crate) mod comparison;
mod findings;
pub(crate) mod ledger;
mod orders;
mod report;
mod returns;
pub(crate) mod sagas;
pub(crate) mod snapshot;
pub(crate) mod stock;
mod world;

pub use report::{AuditReport, IDS_PER_VIOLATION_MAX, Violation};

/// Proved in the database alone, and once more against the providers' books.
const CAPTURED_WITHIN_TOTAL: &str = "captured-within-total";
/// As above.
const NOTHING_KEPT: &str = "nothing-kept-for-what-was-cancelled";

use self::{check::Check, comparison::Comparison, findings::Findings, snapshot::Snapshot};
use crate::{ConnectError, Settings, simulators::Statement};

/// Proves every invariant, reading only. A process that works on the same database is not disturbed.
///
/// # Errors
/// When the database or the books cannot be read, or are not there.
pub async fn audit(settings: &Settings) -> Result<AuditReport, ConnectError> {
    let failed = |error: sqlx::Error| ConnectError(format!("the audit could not read on: {error}"));
    let books = |error: sqlx::Error| ConnectError(format!("the providers' books cannot be read: {error}"));

    let before = Statement::open(&settings.data_dir).await.map_err(books)?;
    let marks = before.map(|(_, marks)| marks).unwrap_or_default();
    let mut shop = Snapshot::open(&settings.database).await?;
    let after = Statement::open(&settings.data_dir).await.map_err(books)?;

    let mut findings = Findings::default();
    for check in [stock::CHECKS, orders::CHECKS, ledger::CHECKS, returns::CHECKS].concat() {
        check.run(&mut shop, &mut findings).await.map_err(failed)?;
    }
    for (invariant, comparison) in [stock::COMPARISONS, sagas::COMPARISONS, ledger::COMPARISONS].concat() {
        comparison.prove(invariant, &mut shop, &mut findings).await.map_err(failed)?;
    }
    orders::check_steps(&mut shop, &mut findings).await.map_err(failed)?;
    world::compare(&mut shop, after.map(|(statement, _)| statement), marks, &mut findings).await.map_err(failed)?;
    shop.close().await;
    Ok(findings.into_report())
}
