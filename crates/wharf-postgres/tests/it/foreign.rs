//! Rows of a foreign hand in tables other than that of deliveries: refused by the table, or of no consequence.

use wharf::{Tenant, ports::Store};

use crate::database::Database;

#[tokio::test]
async fn what_every_process_reads_takes_no_row_that_none_could_read() {
    let database = Database::create().await;
    let engine = database.engine().await;
    for insert in [
        "INSERT INTO wharf.subscriptions VALUES ('said', 'elsewhere', 'gossip', false, 0, 0)",
        "INSERT INTO wharf.schedules (tenant, name, message, misfire, declared, times, version, changed_at)
         VALUES ('default', 'sweep', 'said', 'gossip', 'every 7µs', 'every 7µs', 1, 0)",
    ] {
        let refused = sqlx::query(insert).execute(engine.pool()).await.unwrap_err();
        assert!(refused.to_string().contains("violates check constraint"), "{refused}");
    }
    engine.close().await;
    database.remove().await;
}

#[tokio::test]
async fn a_foreign_schedule_keeps_nobody_from_reading_the_others() {
    let database = Database::create().await;
    let engine = database.engine().await;
    let insert = "INSERT INTO wharf.schedules
                      (tenant, name, message, draft, misfire, declared, times, next_at, missed, version, changed_at)
                  VALUES ('default', 'sweep', 'said', '{', 'skip', 'now and then', 'now and then', 0, -1, -1, -1)";
    sqlx::query(insert).execute(engine.pool()).await.unwrap();

    let stored = engine.schedules().await.unwrap().remove(0);
    assert_eq!((stored.draft, stored.missed, stored.version), (None, 0, 0));
    let told = engine.fire_schedule(&Tenant::default(), "sweep", &[]).await.unwrap_err().to_string();
    assert_eq!(told, "W0090: \"now and then\" is no timetable");
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
