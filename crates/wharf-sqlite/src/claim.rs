//! Taking what is due, under a lease.

use std::sync::Arc;

use serde::Deserialize;
use wharf::{
    Delivery, Error, Timestamp,
    ports::{Claim, Claimed, Lease, Turns},
};

use crate::{
    deliveries::{Stored, column, document, rows, stored},
    engine::Sqlite,
    script::{Ran, Script},
    turns,
};

/// The rows that a claim may take, in their order: rank by rank and no further than needed. With the index named, no
/// statistics can lead the planner astray. What is held and due has lost its lease: a survivor. `$1` is the endpoint,
/// `$2` now, `$3` whether survivors may be among them, `$4` how many. That is written as a sum: a parameter alone is a part
/// of the plan, and SQLite would plan anew each time it is bound, which costs as much as taking twenty rows.
macro_rules! due {
    ($columns:literal) => {
        concat!(
            "(SELECT * FROM (SELECT ",
            $columns,
            " FROM wharf_deliveries INDEXED BY wharf_deliveries_due
              WHERE endpoint = $1 AND rank = 0 AND not_before <= $2 AND held <= $3 ORDER BY not_before, id LIMIT $4 + 0)
              UNION ALL
              SELECT * FROM (SELECT ",
            $columns,
            " FROM wharf_deliveries INDEXED BY wharf_deliveries_due
              WHERE endpoint = $1 AND rank = 1 AND not_before <= $2 AND held <= $3 ORDER BY not_before, id LIMIT $4 + 0)
              UNION ALL
              SELECT * FROM (SELECT ",
            $columns,
            " FROM wharf_deliveries INDEXED BY wharf_deliveries_due
              WHERE endpoint = $1 AND rank = 2 AND not_before <= $2 AND held <= $3 ORDER BY not_before, id LIMIT $4 + 0)
              LIMIT $4 + 0)"
        )
    };
}
pub(crate) use due;

/// What [`Due`] is read from.
macro_rules! due_columns {
    () => {
        concat!(
            "json_group_array(json_array(id, epoch, held, alone, lost_leases, unknown_since, not_before, ",
            stored!(),
            "))"
        )
    };
}
pub(crate) use due_columns;

/// What a claim will take: all of it, or the first survivor alone.
const DUE: &str = concat!("SELECT ", due_columns!(), " FROM ", due!("*"));

/// When the next row of an endpoint will be due.
pub(crate) const NEXT_DUE: &str = "
SELECT min(next) FROM (
    SELECT min(not_before) AS next FROM wharf_deliveries INDEXED BY wharf_deliveries_due
    WHERE endpoint = $1 AND rank = 0 AND not_before > $2
    UNION ALL
    SELECT min(not_before) FROM wharf_deliveries INDEXED BY wharf_deliveries_due
    WHERE endpoint = $1 AND rank = 1 AND not_before > $2
    UNION ALL
    SELECT min(not_before) FROM wharf_deliveries INDEXED BY wharf_deliveries_due
    WHERE endpoint = $1 AND rank = 2 AND not_before > $2)";

/// How a row is held until `$5`. One that is still held has seen its holder crash.
macro_rules! hold {
    () => {
        "UPDATE wharf_deliveries
         SET not_before = $5, epoch = epoch + 1, lost_leases = lost_leases + held, crashes = crashes + alone, alone = held,
             held = 1"
    };
}
pub(crate) use hold;

/// Takes what [`DUE`] returned: same condition, same order, same transaction.
const HOLD: &str = concat!(
    "WITH due AS MATERIALIZED (SELECT * FROM ",
    due!("id, rank, not_before, held"),
    ") ",
    hold!(),
    " WHERE id IN (
        SELECT id FROM due
        WHERE id = coalesce((SELECT id FROM due WHERE held = 1 ORDER BY rank, not_before, id LIMIT 1), id))"
);

/// See [`Transport::claim`](wharf::ports::Transport::claim).
pub(crate) async fn claim(engine: &Sqlite, claim: &Claim<'_>) -> Result<Claimed, Error> {
    if claim.turns != Turns::Free {
        return turns::claim(engine, claim).await;
    }
    let now = engine.now();
    let script = Script::new()
        .read(DUE)
        .read(NEXT_DUE)
        .write(HOLD)
        .bind(Arc::<str>::from(claim.endpoint))
        .bind(now.as_micros())
        .bind(claim.survivors)
        .bind(i64::try_from(claim.max).unwrap_or(i64::MAX))
        .bind((now + claim.lease).as_micros());
    let ran = engine.writer().run("claim deliveries", script, Vec::new()).await?.committed()?;
    let document = document(ran.first())?;
    let mut due = in_order(&document)?;
    if let Some(survivor) = due.iter().position(Due::is_survivor) {
        due = vec![due.swap_remove(survivor)];
    }
    Ok(Claimed { deliveries: due.into_iter().map(|due| due.claimed(now)).collect(), next_due: next_due(ran.get(1))? })
}

/// The answer to [`NEXT_DUE`].
pub(crate) fn next_due(ran: Option<&Ran>) -> Result<Option<Timestamp>, Error> {
    let next = ran.and_then(|next| next.rows.first());
    let next: Option<i64> = next.map(|row| column(row, 0)).transpose()?.flatten();
    Ok(next.map(Timestamp::from_micros))
}

/// Rows as they were before they were held.
pub(crate) fn in_order(document: &str) -> Result<Vec<Due<'_>>, Error> {
    let mut due: Vec<Due<'_>> = rows(document)?;
    due.sort_unstable_by_key(|row| (row.message.rank(), row.not_before, row.id));
    Ok(due)
}

/// A row as [`due_columns`] returns it.
#[derive(Deserialize)]
pub(crate) struct Due<'a> {
    id: i64,
    epoch: i64,
    held: u32,
    alone: u32,
    lost_leases: u32,
    unknown_since: Option<Timestamp>,
    not_before: Timestamp,
    #[serde(borrow)]
    message: Stored<'a>,
}

impl Due<'_> {
    fn is_survivor(&self) -> bool {
        self.held == 1
    }

    /// The delivery as [`hold`] leaves its row.
    pub(crate) fn claimed(self, now: Timestamp) -> Delivery {
        let lease = Lease { id: self.id, epoch: self.epoch + 1 };
        let is_survivor = self.is_survivor();
        let (mut envelope, body) = self.message.open();
        envelope.crashes += self.alone;
        let mut delivery = Delivery::new(lease, envelope, body);
        delivery.is_survivor = is_survivor;
        delivery.lost_leases = self.lost_leases + self.held;
        delivery.is_expired = delivery.envelope.expires_at.is_some_and(|expires_at| expires_at <= now);
        delivery.unknown_for = self.unknown_since.map(|since| now.since(since));
        delivery
    }
}
