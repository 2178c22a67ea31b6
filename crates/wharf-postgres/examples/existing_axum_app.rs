//! A shop that was there before wharf: axum and sqlx, a pool, migrations and transactions of its own.
//!
//! It takes two things from wharf and nothing else: an event that leaves if, and only if, the order's transaction
//! commits, and one handler that confirms orders in the background. The lines that do it are marked `wharf`.
//!
//! ```sh
//! DATABASE_URL=postgres://… cargo run -p wharf-postgres --example existing_axum_app
//! curl -X POST localhost:3000/orders -H 'content-type: application/json' -d '{"reference":"A-1","item":"tea"}'
//! curl localhost:3000/orders/1
//! ```

use std::{env, error::Error, future::Future};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use sqlx::{
    PgPool, SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};
use tokio::net::TcpListener;
use wharf::{Client, Key, Message, Module, Msg, Tenant, Tx, Worker}; // wharf
use wharf_postgres::{JoinPostgres, Postgres, PostgresTx}; // wharf

/// The shop's own tables, in its own schema; that a reference is taken is found at the commit.
const TABLES: &str = "
    CREATE SCHEMA shop;
    CREATE TABLE shop.orders (
        id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        reference TEXT NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED,
        item      TEXT NOT NULL
    );
    CREATE TABLE shop.confirmations (order_id BIGINT NOT NULL REFERENCES shop.orders, text TEXT NOT NULL);";

#[derive(Clone)]
struct Shop {
    pool: PgPool,
    wharf: Client, // wharf
}

#[derive(Deserialize)]
struct NewOrder {
    reference: String,
    item: String,
}

#[derive(Serialize)]
struct Order {
    id: i64,
    confirmations: i64,
}

// wharf: the event …
#[derive(Serialize, Deserialize)]
struct OrderPlaced {
    order: i64,
}

impl Message for OrderPlaced {
    const NAME: &'static str = "shop.order-placed";
    fn key(&self) -> Key {
        Key::new("order", self.order)
    }
}

// wharf: … and its handler. What it writes and the acknowledgement of the event are one commit.
async fn confirm_order(Msg(placed): Msg<OrderPlaced>, mut tx: Tx) -> wharf::Result {
    let confirm =
        "INSERT INTO shop.confirmations SELECT id, 'Thank you for the ' || item FROM shop.orders WHERE id = $1";
    sqlx::query(confirm).bind(placed.order).execute(tx.postgres().await?).await?;
    Ok(())
}

async fn place_order(State(shop): State<Shop>, Json(new): Json<NewOrder>) -> Result<(StatusCode, Json<Order>), Answer> {
    let mut tx = shop.pool.begin().await.map_err(unavailable)?;
    let insert = sqlx::query_scalar("INSERT INTO shop.orders (reference, item) VALUES ($1, $2) RETURNING id");
    let id: i64 = insert.bind(new.reference).bind(new.item).fetch_one(&mut *tx).await.map_err(unavailable)?;

    let work = shop.wharf.join(&Tenant::default(), tx).map_err(unavailable)?; // wharf
    work.bus.publish(OrderPlaced { order: id }); // wharf
    work.commit().await.map_err(conflict)?; // wharf; was: tx.commit()
    Ok((StatusCode::CREATED, Json(Order { id, confirmations: 0 })))
}

async fn show_order(State(shop): State<Shop>, Path(id): Path<i64>) -> Result<Json<Order>, Answer> {
    let count = sqlx::query_scalar("SELECT count(*) FROM shop.confirmations WHERE order_id = $1");
    let confirmations = count.bind(id).fetch_one(&shop.pool).await.map_err(unavailable)?;
    Ok(Json(Order { id, confirmations }))
}

/// Serves the shop until it is told to stop.
pub(crate) async fn serve(
    database_url: &str,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn Error>> {
    let pool = PgPool::connect(database_url).await?;
    let tables = Migration::new(1, "tables".into(), MigrationType::Simple, TABLES.into_sql_str(), false);
    Migrator::with_migrations(vec![tables]).run(&pool).await?;

    let module = Module::new("shop", ()).consume("confirm-order", confirm_order); // wharf
    let worker = Worker::new(Postgres::connect(database_url).await?).module(module).ready().await?; // wharf
    let shop = Shop { pool, wharf: worker.client("shop") };
    let routes = Router::new().route("/orders", post(place_order)).route("/orders/{id}", get(show_order));
    let mut served = Ok(());
    let serving = async { served = axum::serve(listener, routes.with_state(shop)).with_graceful_shutdown(stop).await };
    worker.run_until(serving).await; // wharf; was: serving.await
    Ok(served?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    serve(&env::var("DATABASE_URL")?, listener, stop).await
}

type Answer = (StatusCode, String);

fn unavailable(error: impl Error) -> Answer {
    (StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}

fn conflict(_: wharf::Error) -> Answer {
    (StatusCode::CONFLICT, "this reference is taken".to_owned())
}
