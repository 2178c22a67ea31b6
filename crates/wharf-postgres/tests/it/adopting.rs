//! The example of an application that was there before wharf, over HTTP and on a real server.

use std::thread;

use serde_json::{Value, json};
use sqlx::{Row, postgres::PgRow};
use tokio::{net::TcpListener, sync::oneshot};

use crate::database::Database;

#[path = "../../examples/existing_axum_app.rs"]
#[expect(dead_code, reason = "its `main` is for the terminal")]
mod existing_axum_app;

/// Status and body of an answer.
type Answer = (u16, String);

fn place(address: &str, reference: &str) -> Answer {
    let body = json!({ "reference": reference, "item": "tea" }).to_string();
    let request = ureq::post(format!("{address}/orders")).header("content-type", "application/json");
    let mut answer = request.config().http_status_as_error(false).build().send(body).unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

fn confirmations(address: &str, order: i64) -> i64 {
    let answer = ureq::get(format!("{address}/orders/{order}")).call().unwrap().into_body().read_to_string().unwrap();
    serde_json::from_str::<Value>(&answer).unwrap()["confirmations"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_axum_app_adopts_one_event_and_one_handler() {
    let database = Database::create().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();

    // A browser of our own, in a thread of its own.
    let browsing = thread::spawn(move || {
        let placed = place(&address, "A-1");
        while confirmations(&address, 1) == 0 {}
        let taken = place(&address, "A-1");
        let next = place(&address, "A-2");
        while confirmations(&address, 3) == 0 {}
        drop(stop);
        (placed, taken, next)
    });
    let served = existing_axum_app::serve(database.url(), listener, async { drop(stopped.await) }).await;
    served.unwrap();
    let (placed, taken, next) = browsing.join().unwrap();

    assert_eq!(placed, (201, r#"{"id":1,"confirmations":0}"#.to_owned()));
    assert_eq!(taken, (409, "this reference is taken".to_owned()));
    assert_eq!(next, (201, r#"{"id":3,"confirmations":0}"#.to_owned()));
    let mut connection = database.connection().await;
    let confirmed: Vec<(i64, String)> = sqlx::query_as("SELECT order_id, text FROM shop.confirmations ORDER BY 1")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let thanks = "Thank you for the tea".to_owned();
    assert_eq!(confirmed, [(1, thanks.clone()), (3, thanks)], "once each; the order that was rolled back never");
    let waiting: i64 =
        sqlx::query_scalar("SELECT count(*) FROM wharf.deliveries").fetch_one(&mut connection).await.unwrap();
    assert_eq!(waiting, 0);

    // Each keeps a record of its own migrations, in its own place.
    let tables = "SELECT schemaname, tablename FROM pg_tables WHERE tablename LIKE '%migrations' ORDER BY 1";
    let tables =
        sqlx::query(tables).map(|row: PgRow| (row.get(0), row.get(1))).fetch_all(&mut connection).await.unwrap();
    let table = |schema: &str, table: &str| (schema.to_owned(), table.to_owned());
    assert_eq!(tables, [table("public", "_sqlx_migrations"), table("wharf", "migrations")]);
    let steps: Vec<String> =
        sqlx::query_scalar("SELECT description FROM public._sqlx_migrations").fetch_all(&mut connection).await.unwrap();
    assert_eq!(steps, ["tables"]);
    drop(connection);
    database.remove().await;
}
