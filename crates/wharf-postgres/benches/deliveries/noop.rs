//! Messages whose handler does nothing, from a small and a large backlog, with and without fresh statistics.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Instant,
};

use sqlx::{Connection, Row};
use wharf::{Module, Msg, Result};

use crate::{
    drain::drain,
    meter::Meter,
    place::{CLIENTS, Happened, Place, TAKES, fill},
    table::{Table, Take},
};

/// Endpoints of the worker, each with a pump of its own.
pub(crate) const ENDPOINTS: usize = 4;
/// What an endpoint holds at most: claims are half of it at least.
const PREFETCH: usize = 600;
/// Of a large backlog, this many are taken; the rest stands in the way.
const TAKEN_MAX: u64 = 200_000;

const RAW: &str = "
    DELETE FROM wharf.deliveries WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM wharf.deliveries
        WHERE endpoint = $1 AND rank = 1 AND not_before <= (SELECT wharf.wharf_now()) AND held_until <= (SELECT wharf.wharf_now())
        ORDER BY endpoint, rank, not_before, id LIMIT 100 FOR UPDATE SKIP LOCKED))
    RETURNING id, epoch, message_id, name, version, kind, key, tenant, sent_at, attempt, crashes, redrives, trail, body";

pub(crate) async fn measure(place: &Place, table: &mut Table, backlogs: &[u64]) {
    for &backlog in backlogs {
        for analyzed in [false, true] {
            let (mut ours, mut raw) = (Vec::new(), Vec::new());
            for _ in 0..TAKES {
                prepare(place, backlog, analyzed).await;
                raw.push(raw_rate(place, backlog.min(TAKEN_MAX)).await);
                prepare(place, backlog, analyzed).await;
                ours.push(our_rate(place, backlog.min(TAKEN_MAX)).await);
            }
            let statistics = if analyzed { "after ANALYZE" } else { "no statistics" };
            table.rate(&format!("no-op, backlog {backlog}, {statistics}"), &ours, &raw);
        }
    }
}

async fn prepare(place: &Place, backlog: u64, analyzed: bool) {
    fill(place, backlog, ENDPOINTS).await;
    if analyzed {
        place.run("ANALYZE wharf.deliveries").await;
    }
}

/// Claim and delete by hundreds.
async fn raw_rate(place: &Place, rows: u64) -> Take {
    let left = Arc::new(AtomicI64::new(rows.cast_signed()));
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let mut connection = place.connection().await;
        sqlx::query("SET enable_seqscan = off").execute(&mut connection).await.unwrap();
        clients.push((connection, format!("bench-{}", client % ENDPOINTS)));
    }
    let meter = Meter::start(place).await;
    let began = Instant::now();
    let clients: Vec<_> = clients
        .into_iter()
        .map(|(mut connection, endpoint)| {
            let left = Arc::clone(&left);
            tokio::spawn(async move {
                while left.load(Ordering::Relaxed) > 0 {
                    let taken = sqlx::query(RAW).bind(&endpoint).fetch_all(&mut connection).await.unwrap();
                    if taken.is_empty() {
                        break;
                    }
                    taken.iter().for_each(|row| drop(std::hint::black_box(row.get::<String, _>("body"))));
                    left.fetch_sub(taken.len() as i64, Ordering::Relaxed);
                }
                connection.close().await.unwrap();
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let taken = rows as f64 - left.load(Ordering::Relaxed) as f64;
    let rate = taken / began.elapsed().as_secs_f64();
    Take { rate, cost: meter.stop(taken).await }
}

async fn nothing(Msg(happened): Msg<Happened>) -> Result {
    std::hint::black_box(happened.number);
    Ok(())
}

/// A worker whose handlers do nothing.
pub(crate) async fn our_rate(place: &Place, rows: u64) -> Take {
    let mut module = Module::new("bench", ());
    for number in 0..ENDPOINTS {
        let id = format!("bench-{number}");
        module = module.endpoint(&id, |endpoint| endpoint.concurrency(64).prefetch(PREFETCH).consume(&id, nothing));
    }
    drain(place, place.options(), module, rows).await
}
