//! The port that carries deliveries, on PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Row, postgres::PgRow};
use wharf::{
    Depth, Error, Outgoing,
    ports::{Claim, Claimed, Lease, Settlement, Transport, Wakeups},
};

use crate::{Postgres, claim::claim, error::failed, notify::listen, renew::renew, send::send, settle::settle};

/// Finds the endpoints by skipping from each to the next in the index, and counts at each only so far: what it costs does
/// not depend on the backlog.
const DEPTH: &str = "
    WITH RECURSIVE clock AS MATERIALIZED (SELECT wharf.wharf_now() AS now),
    endpoints(endpoint) AS (
        (SELECT endpoint FROM wharf.deliveries ORDER BY endpoint LIMIT 1)
        UNION ALL
        SELECT (SELECT d.endpoint FROM wharf.deliveries AS d WHERE d.endpoint > e.endpoint ORDER BY d.endpoint LIMIT 1)
        FROM endpoints AS e WHERE e.endpoint IS NOT NULL)
    SELECT e.endpoint,
           count(*) FILTER (WHERE d.held_until = 0 AND d.not_before <= c.now),
           count(*) FILTER (WHERE d.held_until = 0 AND d.not_before > c.now),
           count(*) FILTER (WHERE d.held_until > 0),
           c.now - min(d.not_before) FILTER (WHERE d.held_until = 0 AND d.not_before <= c.now)
    FROM endpoints AS e, clock AS c, LATERAL (
        (SELECT held_until, not_before FROM wharf.deliveries
         WHERE endpoint = e.endpoint AND not_before <= c.now ORDER BY endpoint, not_before, id LIMIT $1)
        UNION ALL
        (SELECT held_until, not_before FROM wharf.deliveries
         WHERE endpoint = e.endpoint AND not_before > c.now ORDER BY endpoint, not_before, id LIMIT $1)) AS d
    WHERE e.endpoint IS NOT NULL
    GROUP BY e.endpoint, c.now ORDER BY e.endpoint";

#[async_trait]
impl Transport for Postgres {
    async fn claim(&self, request: &Claim<'_>) -> Result<Claimed, Error> {
        claim(self, request).await
    }

    async fn settle(&self, batch: &[Settlement]) -> Result<Vec<bool>, Error> {
        settle(self, batch).await
    }

    async fn renew(&self, leases: &[Lease], length: Duration) -> Result<Vec<Lease>, Error> {
        renew(self, leases, length).await
    }

    async fn send(&self, batch: &[Outgoing]) -> Result<(), Error> {
        send(self, batch).await
    }

    async fn depth(&self) -> Result<Vec<Depth>, Error> {
        let rows = sqlx::query(DEPTH).bind(Depth::COUNT_MAX_ROWS.cast_signed()).fetch_all(self.pool()).await;
        let depths = rows.and_then(|rows| rows.iter().map(read_depth).collect());
        depths.map_err(|error| failed("count deliveries", error))
    }

    fn wakeups(&self) -> &Wakeups {
        Postgres::wakeups(self)
    }

    async fn listen(&self) -> Result<(), Error> {
        listen(self).await
    }
}

fn read_depth(row: &PgRow) -> Result<Depth, sqlx::Error> {
    let count = |column: usize| row.try_get::<i64, _>(column).map(i64::unsigned_abs);
    Ok(Depth {
        endpoint: row.try_get(0)?,
        due: count(1)?,
        delayed: count(2)?,
        held: count(3)?,
        oldest: row.try_get::<Option<i64>, _>(4)?.map(|age| Duration::from_micros(age.unsigned_abs())),
    })
}
