//! Extending leases.

use std::{collections::HashSet, time::Duration};

use sqlx::Row;
use wharf::{Error, micros, ports::Lease};

use crate::{Postgres, error::failed};

const RENEW: &str = "
    UPDATE wharf.deliveries d SET held_until = (SELECT wharf.wharf_now()) + $3
    FROM unnest($1::bigint[], $2::bigint[]) AS s(id, epoch)
    WHERE d.id = s.id AND d.epoch = s.epoch AND d.held_until > 0
    RETURNING d.id";

/// See [`Transport::renew`](wharf::ports::Transport::renew).
pub(crate) async fn renew(engine: &Postgres, leases: &[Lease], length: Duration) -> Result<Vec<Lease>, Error> {
    if leases.is_empty() {
        return Ok(Vec::new());
    }
    // In the order in which everybody locks rows.
    let mut sorted = leases.to_vec();
    sorted.sort_unstable_by_key(|lease| lease.id);
    let ids: Vec<_> = sorted.iter().map(|lease| lease.id).collect();
    let epochs: Vec<_> = sorted.iter().map(|lease| lease.epoch).collect();

    let mut lane = engine.post().take().await?;
    let rows = sqlx::query(RENEW).bind(ids).bind(epochs).bind(micros(length)).fetch_all(&mut *lane).await;
    let kept = rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect());
    let kept: HashSet<i64> = lane.done(kept).await.map_err(|error| failed("renew leases", error))?;
    engine.committed([]);
    Ok(leases.iter().filter(|lease| !kept.contains(&lease.id)).copied().collect())
}
