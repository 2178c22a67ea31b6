//! The port that carries deliveries, on PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Row, postgres::PgRow};
use wharf::{
    Depth, Error, Outgoing,
    ports::{Claim, Claimed, Lease, Settlement, Transport, Wakeups},
};

use crate::{Postgres, claim::claim, error::failed, notify::listen, renew::renew, send::send, settle::settle};

const DEPTH: &str = "
    SELECT endpoint,
           count(*) FILTER (WHERE held_until = 0 AND not_before <= c.now),
           count(*) FILTER (WHERE held_until = 0 AND not_before > c.now),
           count(*) FILTER (WHERE held_until > 0),
           c.now - min(not_before) FILTER (WHERE held_until = 0 AND not_before <= c.now)
    FROM wharf.deliveries, (SELECT wharf.wharf_now()) AS c(now)
    GROUP BY endpoint, c.now ORDER BY endpoint";

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
        let rows = sqlx::query(DEPTH).fetch_all(self.pool()).await;
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
