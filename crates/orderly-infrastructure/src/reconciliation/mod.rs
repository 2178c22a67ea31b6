//! Reconciliation: what one record says beside what another says of the same thing. Provider against ledger, stock against
//! movements, saga against order.
//!
//! It reads as the audit reads, and compares what the audit compares; see there why a live system raises no false alarm.
//! An audit proves rules and says which do not hold. A reconciliation is for who has to put things right: it names each
//! difference, and what either side says. What heals by itself is none: while a message about an order waits, or a timer
//! that brings the next one, the shop may still hear of what a provider did.

mod providers;
mod report;
mod task;

pub use report::{DIFFERENCES_PER_CODE_MAX, Difference, Reconciliation, Side};
pub use task::{ReconcileRecords, Reconciler, module};

use futures_util::TryStreamExt;

use crate::{
    ConnectError, Settings,
    audit::{
        comparison::{Comparison, Differing},
        ledger, sagas,
        snapshot::Snapshot,
        stock,
    },
    simulators::Statement,
};

/// A saga is of an order. Nothing else begins one, and neither is ever deleted while the other is there.
const SAGA_HAS_ORDER: Comparison = Comparison {
    code: "saga-orphaned",
    of: "order",
    rows: "SELECT count(*) FROM wharf.sagas WHERE saga = 'orders.fulfilment'",
    records: ["the book", "its saga is"],
    differing: "
        SELECT CAST(substr(key, 7) AS BIGINT) AS id, 'has no such order' AS one, state_name AS other
        FROM wharf.sagas AS saga
        WHERE saga.saga = 'orders.fulfilment'
          AND NOT EXISTS (
              SELECT 1 FROM orders WHERE orders.tenant = saga.tenant AND 'order:' || orders.id = saga.key)",
};

/// Compares all records, reading only. A process that works on the same database is not disturbed.
///
/// # Errors
/// When the database or the books cannot be read, or are not there.
pub async fn reconcile(settings: &Settings) -> Result<Reconciliation, ConnectError> {
    let failed = |error: sqlx::Error| ConnectError(format!("the records could not be read on: {error}"));
    let books = |error: sqlx::Error| ConnectError(format!("the providers' books cannot be read: {error}"));

    let before = Statement::open(&settings.data_dir).await.map_err(books)?;
    let marks = before.map(|(_, marks)| marks).unwrap_or_default();
    let mut shop = Snapshot::open(&settings.database).await?;
    let after = Statement::open(&settings.data_dir).await.map_err(books)?;

    let mut report = Reconciliation::default();
    for (_, comparison) in [stock::COMPARISONS, sagas::COMPARISONS, ledger::COMPARISONS].concat() {
        compare(&comparison, &mut shop, &mut report).await.map_err(failed)?;
    }
    compare(&SAGA_HAS_ORDER, &mut shop, &mut report).await.map_err(failed)?;
    let after = after.map(|(statement, _)| statement);
    providers::compare(&mut shop, after, marks, &mut report).await.map_err(failed)?;
    shop.close().await;
    Ok(report)
}

async fn compare(comparison: &Comparison, shop: &mut Snapshot, report: &mut Reconciliation) -> sqlx::Result<()> {
    let Comparison { code, of, records: [first, second], .. } = *comparison;
    report.compared(code, shop.number(comparison.rows).await?);
    // One more than is listed, so that the report knows that there are more.
    let sql = comparison.sql(DIFFERENCES_PER_CODE_MAX + 1);
    let mut differing = shop.rows::<Differing>(&sql);
    while let Some((id, one, other)) = differing.try_next().await? {
        let sides = [Side { record: first, says: one }, Side { record: second, says: other }];
        report.add(Difference { code, subject: format!("{of}:{id}"), sides });
    }
    Ok(())
}
