//! Rows of a foreign hand in tables other than that of deliveries: refused by the table, or of no consequence.

use std::time::Duration;

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use wharf::{
    Schedule, StoredSchedule, Tenant, Timestamp, Timetable,
    ports::{Declaration, Store},
};

use crate::app::{App, said};

async fn foreign(app: &App) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(app.path())).await.unwrap()
}

#[tokio::test]
async fn what_every_process_reads_takes_no_row_that_none_could_read() {
    let app = App::start().await;
    let mut foreign = foreign(&app).await;
    for insert in [
        "INSERT INTO wharf_subscriptions VALUES ('said', 'elsewhere', 'gossip', 0, 0, 0)",
        "INSERT INTO wharf_schedules (tenant, name, message, misfire, declared, times, version, changed_at)
         VALUES ('default', 'sweep', 'said', 'gossip', 'every 7µs', 'every 7µs', 1, 0)",
    ] {
        let refused = sqlx::query(insert).execute(&mut foreign).await.unwrap_err();
        assert!(refused.to_string().contains("CHECK constraint failed"), "{refused}");
    }
    foreign.close().await.unwrap();
}

#[tokio::test]
async fn a_schedule_of_an_older_version_goes_on_as_it_was() {
    const PERIOD: Duration = Duration::from_secs(60);
    let app = App::start().await;
    let mut foreign = foreign(&app).await;
    let first = include_str!("../../migrations/0001_wharf.sql");
    let older = &first[first.find("CREATE TABLE wharf_schedules").unwrap()..];
    let older = &older[..=older.find(';').unwrap()];
    let newer = include_str!("../../migrations/0003_timetables.sql");
    let newest = include_str!("../../migrations/0005_scheduling_jobs.sql");
    for step in [
        "DROP TABLE wharf_schedules; DROP TABLE wharf_job_types; DROP INDEX wharf_runs_of_schedule",
        older,
        "INSERT INTO wharf_schedules VALUES ('default', 'said', 'said', 60000000, 5, 4, 3)",
        newer,
        newest,
    ] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(step)).execute(&mut foreign).await.unwrap();
    }
    foreign.close().await.unwrap();

    let declared = Schedule::new(Timetable::every(PERIOD), said("hello"));
    let expected = StoredSchedule {
        draft: None,
        next_at: Some(Timestamp::from_micros(5)),
        last_at: Some(Timestamp::from_micros(4)),
        missed: 3,
        ..StoredSchedule::declared(None, &declared, Timestamp::from_micros(4))
    };
    assert_eq!(app.engine.schedules().await.unwrap(), std::slice::from_ref(&expected));
    let declaration = Declaration { schedules: vec![declared.clone()], ..Declaration::default() };
    app.engine.declare(&declaration).await.unwrap();
    let message = Some(declared.message);
    let stored = app.engine.schedules().await.unwrap();
    assert_eq!(stored, [StoredSchedule { draft: message, ..expected }], "and no new version");
}

#[tokio::test]
async fn a_foreign_schedule_keeps_nobody_from_reading_the_others() {
    let app = App::start().await;
    let mut foreign = foreign(&app).await;
    let insert = "INSERT INTO wharf_schedules
                      (tenant, name, message, draft, misfire, declared, times, next_at, missed, version, changed_at)
                  VALUES ('default', 'sweep', 'said', '{', 'skip', 'now and then', 'now and then', 0, -1, -1, -1)";
    sqlx::query(insert).execute(&mut foreign).await.unwrap();
    foreign.close().await.unwrap();

    let stored = app.engine.schedules().await.unwrap().remove(0);
    assert_eq!((stored.draft, stored.missed, stored.version), (None, 0, 0));
    let told = app.engine.fire_schedule(&Tenant::default(), "sweep", &[]).await.unwrap_err().to_string();
    assert_eq!(told, "W0090: \"now and then\" is no timetable");
    app.say("hello").await.unwrap();
    assert_eq!(app.hear().await, ["hello"]);
}

#[tokio::test]
async fn a_foreign_timer_fires_into_nowhere_and_holds_up_nobody() {
    let app = App::start().await;
    let mut foreign = foreign(&app).await;
    let insert = "INSERT INTO wharf_timers (tenant, saga, key, name, generation, due_at, endpoint, takes_turns, trail)
                  VALUES ('', '', '', '', -1, -1, 'nowhere', 7, '{')";
    sqlx::query(insert).execute(&mut foreign).await.unwrap();
    foreign.close().await.unwrap();

    let fired = [app.engine.fire_timers(10).await.unwrap().fired, app.engine.fire_timers(10).await.unwrap().fired];
    assert_eq!(fired, [1, 0]);
    app.say("hello").await.unwrap();
    assert_eq!(app.hear().await, ["hello"]);
}
