//! What a team writes by hand where it has no library: take one delivery, write a row, put one message into the outbox,
//! commit. In wharf's own table, so that only who writes the statements differs.

use std::time::Instant;

use sqlx::{Connection, PgConnection};

use crate::{
    meter::Meter,
    place::{Place, fill},
    table::Take,
    work::TABLE,
};

const TAKE: &str = "
    DELETE FROM wharf.deliveries WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM wharf.deliveries
        WHERE endpoint = 'bench-0' AND rank = 1 AND not_before <= (SELECT wharf.wharf_now())
        ORDER BY endpoint, rank, not_before, id LIMIT 1 FOR UPDATE SKIP LOCKED))
    RETURNING body";

const NOTE: &str = "INSERT INTO notes (number) VALUES ($1)";

const SEND: &str = "
    INSERT INTO wharf.deliveries
        (not_before, sent_at, message_id, version, tenant, endpoint, name, kind, key, trail, body)
    VALUES (wharf.wharf_now() + 3600000000, wharf.wharf_now(), gen_random_uuid(), 1, 'default', 'ignore', 'bench.noted',
            'event', 'number:7', '{}', $1)";

pub(crate) async fn rate(place: &Place, clients: usize, total: u64) -> Take {
    place.run(TABLE).await;
    fill(place, total, 1).await;
    let mut connections = Vec::new();
    for _ in 0..clients {
        let mut connection = place.connection().await;
        sqlx::query("SET plan_cache_mode = force_generic_plan").execute(&mut connection).await.unwrap();
        sqlx::query("SET enable_seqscan = off").execute(&mut connection).await.unwrap();
        connections.push(connection);
    }
    let meter = Meter::start(place).await;
    let began = Instant::now();
    let clients: Vec<_> = connections
        .into_iter()
        .map(|mut connection| {
            tokio::spawn(async move {
                while handle_one(&mut connection).await {}
                connection.close().await.unwrap();
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let rate = total as f64 / began.elapsed().as_secs_f64();
    Take { rate, cost: meter.stop(total as f64).await }
}

/// Whether there was one.
async fn handle_one(connection: &mut PgConnection) -> bool {
    let mut transaction = connection.begin().await.unwrap();
    let taken: Option<String> = sqlx::query_scalar(TAKE).fetch_optional(&mut *transaction).await.unwrap();
    let Some(body) = taken else { return false };
    sqlx::query(NOTE).bind(7_i64).execute(&mut *transaction).await.unwrap();
    sqlx::query(SEND).bind(body).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
    true
}
