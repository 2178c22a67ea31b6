//! Rows of a foreign hand in tables other than that of deliveries: refused by the table, or of no consequence.

use wharf::ports::Store;

use crate::database::Database;

#[tokio::test]
async fn what_every_process_reads_takes_no_row_that_none_could_read() {
    let database = Database::create().await;
    let engine = database.engine().await;
    for insert in [
        "INSERT INTO wharf.subscriptions VALUES ('said', 'elsewhere', 'gossip', false, 0, 0)",
        "INSERT INTO wharf.schedules (tenant, name, message, period, next_at) VALUES ('default', 'sweep', 'said', 0, 0)",
    ] {
        let refused = sqlx::query(insert).execute(engine.pool()).await.unwrap_err();
        assert!(refused.to_string().contains("violates check constraint"), "{refused}");
    }
    engine.close().await;
    database.remove().await;
}

#[tokio::test]
async fn a_foreign_timer_fires_into_nowhere_and_holds_up_nobody() {
    let database = Database::create().await;
    let engine = database.engine().await;
    let insert = "INSERT INTO wharf.timers (tenant, saga, key, name, generation, due_at, endpoint, takes_turns, trail)
                  VALUES ('', '', '', '', -1, -1, 'nowhere', true, '{')";
    sqlx::query(insert).execute(engine.pool()).await.unwrap();

    let fired = [engine.fire_timers(10).await.unwrap().fired, engine.fire_timers(10).await.unwrap().fired];
    assert_eq!(fired, [1, 0]);
    engine.close().await;
    database.remove().await;
}
