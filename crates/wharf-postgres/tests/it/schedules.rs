//! Schedules are decided by the database's clock, whatever the workers' own say.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sqlx::Connection;
use wharf::{
    Key, Message, Module, Msg, Result, Schedule, StoredSchedule, Timestamp, Timetable, Worker,
    ports::{Declaration, Store},
    testing::ManualClock,
};

use crate::database::Database;

const PERIOD: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

#[derive(Serialize, Deserialize)]
struct Swept;

impl Message for Swept {
    const NAME: &'static str = "test.swept";

    fn key(&self) -> Key {
        Key::new("floor", 1)
    }
}

async fn sweep(_: Msg<Swept>) -> Result {
    Ok(())
}

#[tokio::test]
async fn w28_a_clock_an_hour_ahead_fires_nothing_early() {
    const SIGN: &str = "wharf.schedule.test.swept";
    let database = Database::create().await;
    // The first second of 2026, a due time; the worker's clock is an hour ahead of the database's.
    let (clock, start) = (ManualClock::new(), wharf::Clock::now(&ManualClock::new()));
    let engine = database.engine_at(clock.clone()).await;
    engine.wind_to(start).await.unwrap();
    clock.wind(HOUR);
    let every_minute = Timetable::cron("* * * * *", "Europe/Berlin").unwrap();
    let module = Module::new("test", ()).consume("sweep", sweep).schedule(Schedule::new(every_minute, Swept));
    let worker = Worker::new(engine.clone()).module(module).ready().await.unwrap();
    let client = worker.client("test");
    let last_at = async || client.schedules().await.unwrap()[0].last_at;
    // A look that was under way while time was wound is given up, and begun anew after a pause.
    let looked_since = async |moment| {
        let mut quiet_since = Instant::now();
        while client.vitals().all().get(SIGN).and_then(|vital| vital.looked_at).is_none_or(|at| at < moment) {
            tokio::task::yield_now().await;
            if quiet_since.elapsed() > Duration::from_millis(500) {
                clock.wind(Duration::from_secs(1));
                quiet_since = Instant::now();
            }
        }
    };

    worker
        .run_until(async {
            // It looks at each of its own minutes, and the database says that it is not time yet.
            for minute in 0..5 {
                looked_since(start + HOUR + PERIOD * minute).await;
                assert_eq!(last_at().await, None);
                clock.wind(PERIOD);
            }
            engine.wind_to(start + PERIOD).await.unwrap();
            while last_at().await.is_none() {
                clock.wind(Duration::from_secs(1));
                tokio::task::yield_now().await;
            }
            assert_eq!(last_at().await, Some(start + PERIOD));
        })
        .await;

    let missed = client.schedules().await.unwrap()[0].missed;
    assert_eq!(missed, 0);
    engine.close().await;
    database.remove().await;
}

#[tokio::test]
async fn w27_a_schedule_whose_row_somebody_holds_for_ever_is_told_by_health() {
    let database = Database::create().await;
    let clock = ManualClock::new();
    let engine = database.engine_at(clock.clone()).await;
    let start = wharf::Clock::now(&clock);
    engine.wind_to(start).await.unwrap();
    let module = Module::new("test", ()).consume("sweep", sweep).every(PERIOD, Swept);
    let worker = Worker::new(engine.clone()).module(module).ready().await.unwrap();
    let client = worker.client("test");
    let mut holder = database.connection().await;
    sqlx::raw_sql("BEGIN; SELECT * FROM wharf.schedules FOR UPDATE").execute(&mut holder).await.unwrap();

    worker
        .run_until(async {
            engine.wind_to(start + PERIOD).await.unwrap();
            let told = "`wharf.schedule.test.swept`: has not looked for ";
            while !client.health().await.reasons().any(|reason| reason.starts_with(told)) {
                clock.wind(Duration::from_secs(1));
                tokio::task::yield_now().await;
            }
            assert_eq!(client.schedules().await.unwrap()[0].last_at, None);
        })
        .await;
    holder.close().await.unwrap();
    engine.close().await;
    database.remove().await;
}

#[tokio::test]
async fn a_schedule_of_an_older_version_goes_on_as_it_was() {
    let database = Database::create().await;
    let engine = database.engine().await;
    engine.wind_to(Timestamp::from_micros(7)).await.unwrap();
    let (older, newer) =
        (include_str!("../../migrations/0007_schedules.sql"), include_str!("../../migrations/0011_timetables.sql"));
    let newest = include_str!("../../migrations/0013_scheduling_jobs.sql");
    database.run("DROP TABLE wharf.schedules; DROP TABLE wharf.job_types; DROP INDEX wharf.runs_of_schedule").await;
    database.run(older).await;
    database.run("INSERT INTO wharf.schedules VALUES ('default', 'test.swept', 'test.swept', 60000000, 5, 4, 3)").await;
    database.run(newer).await;
    database.run(newest).await;

    let declared = Schedule::new(Timetable::every(PERIOD), Swept);
    let stored = engine.schedules().await.unwrap();
    let expected = StoredSchedule {
        draft: None,
        next_at: Some(Timestamp::from_micros(5)),
        last_at: Some(Timestamp::from_micros(4)),
        missed: 3,
        ..StoredSchedule::declared(None, &declared, Timestamp::from_micros(7))
    };
    assert_eq!(stored, std::slice::from_ref(&expected));
    let declaration = Declaration { schedules: vec![declared.clone()], ..Declaration::default() };
    engine.declare(&declaration).await.unwrap();
    let message = Some(declared.message);
    assert_eq!(
        engine.schedules().await.unwrap(),
        [StoredSchedule { draft: message, ..expected }],
        "and no new version"
    );
    engine.close().await;
    database.remove().await;
}

#[tokio::test]
async fn more_handlers_than_connections_can_serve_are_refused() {
    let database = Database::create().await;
    let options = wharf_postgres::Postgres::options(database.url()).unwrap().transactions_max(2);
    let engine = options.acquire_timeout(Duration::from_secs(5)).connect().await.unwrap();
    async fn sweep_in_tx(_: Msg<Swept>, _: wharf::Tx) -> Result {
        Ok(())
    }
    let module = |concurrency| {
        let module =
            Module::new("test", ()).endpoint("sweep", |e| e.concurrency(concurrency).consume("sweep", sweep_in_tx));
        module.endpoint("listen", |e| e.concurrency(100).consume("listen", sweep))
    };

    Worker::new(engine.clone()).module(module(10)).ready().await.unwrap();
    let refused = Worker::new(engine.clone()).module(module(11)).ready().await.unwrap_err();

    let told = refused.to_string();
    let sum = "W0036: 11 handlers may want a transaction at once (sweep 11); 2 connections serve 10 within the 5s";
    assert!(told.contains(sum) && told.contains("transactions_max"), "{told}");
    engine.close().await;
    database.remove().await;
}
