//! Timetables: when a schedule is due, what becomes of what was missed, and what a person may do about it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::sync::{Notify, mpsc};

use super::{
    Stage, Subject,
    schedules::{PERIOD, Swept, schedule, sweep, ticked},
    stage::MICROSECOND,
};
use crate::{
    Client, Code, Firing, Message, Misfire, Module, Schedule, StoredSchedule, Tenant, Timestamp, Timetable, Worker,
    ports::{Outcome, ScheduleChange, Store, Ticked},
};

/// A moment such as `2026-03-29T01:00:00Z`.
fn at(moment: &str) -> Timestamp {
    Timestamp::from_micros(moment.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

fn cron(name: &str, expression: &str, zone: &str) -> Schedule {
    Schedule::new(Timetable::cron(expression, zone).unwrap(), Swept).named(name)
}

impl<S: Subject> Stage<S> {
    /// Handles all that is due; for which firings it was sent, in order.
    async fn handle_firings(&self) -> Vec<Firing> {
        let mut firings = Vec::new();
        loop {
            let claimed = self.claim("sweep", 500).await;
            if claimed.is_empty() {
                return firings;
            }
            for delivery in claimed {
                assert!(self.settle(delivery.lease, Outcome::Done).await);
                firings.push(delivery.envelope.trail.firing.expect("a schedule sent it"));
            }
        }
    }

    /// Fires until it is not due.
    async fn tick_on(&self, name: &str) -> Ticked {
        loop {
            let ticked = self.tick(name).await;
            if ticked.next_due.is_none_or(|due| due > self.now()) {
                return ticked;
            }
        }
    }

    async fn stored_schedule(&self, name: &str) -> StoredSchedule {
        self.all_schedules().await.into_iter().find(|stored| *stored.name == *name).expect("it is declared")
    }

    /// Of a process without any module, such as a command line.
    async fn console(&self) -> Client {
        Worker::new(self.engine()).ready().await.expect("a sound worker").client("console")
    }
}

fn firing(schedule: &str, due: Timestamp) -> Firing {
    Firing { schedule: Arc::from(schedule), due_at: Some(due) }
}

pub async fn w29_cron_goes_by_the_clocks_of_its_zone_where_they_are_put_forward_and_back<S: Subject>(
    stage: &mut Stage<S>,
) {
    // Declared when, what, where, and due when: forward and back, by an hour or by half.
    let changes = [
        ("2026-03-07T12:00:00Z", "30 2 * * *", "America/New_York", ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]),
        ("2026-03-28T12:00:00Z", "30 2 * * *", "Europe/Berlin", ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]),
        ("2026-04-04T00:00:00Z", "45 1 * * *", "Australia/Lord_Howe", ["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"]),
        ("2026-10-03T12:00:00Z", "15 2 * * *", "Australia/Lord_Howe", ["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"]),
        ("2026-10-24T12:00:00Z", "30 2 * * *", "Europe/Berlin", ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
        ("2026-10-31T12:00:00Z", "30 1 * * *", "America/New_York", ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]),
    ];
    for (n, (declared, expression, zone, due)) in changes.into_iter().enumerate() {
        let name = format!("{zone} {n}");
        stage.wind_until(at(declared)).await;
        stage.declare_schedules(&[cron(&name, expression, zone)]).await;
        for due in due.map(at) {
            stage.wind_until(due - MICROSECOND).await;
            assert_eq!(stage.tick(&name).await, ticked(0, 0, due), "{name}");
            stage.wind(MICROSECOND).await;
            assert_eq!((stage.tick(&name).await.fired, stage.tick(&name).await.fired), (1, 0), "{name}");
            assert_eq!(stage.handle_firings().await, [firing(&name, due)]);
        }
        assert_eq!(stage.stored_schedule(&name).await.missed, 0);
    }
}

pub async fn w06_of_a_thousand_due_times_two_schedulers_send_each_once<S: Subject>(stage: &mut Stage<S>) {
    const DUE_TIMES: u32 = 1_000;
    let sweep = schedule("sweep", PERIOD).misfire(Misfire::RunAll);
    let first = stage.schedule(&[sweep]).await;
    stage.wind_until(first + PERIOD * (DUE_TIMES - 1)).await;
    let now = stage.now();
    let firing: Vec<_> = (0..2)
        .map(|_| {
            let (engine, outgoing) = (stage.engine(), [stage.message("sweep", "sweep")]);
            tokio::spawn(async move {
                let mut fired = 0;
                loop {
                    let ticked = engine.fire_schedule(&Tenant::default(), "sweep", &outgoing).await.unwrap().unwrap();
                    fired += ticked.fired;
                    if ticked.next_due.is_none_or(|due| due > now) {
                        return fired;
                    }
                }
            })
        })
        .collect();
    let mut fired = 0;
    for one in firing {
        fired += one.await.unwrap();
    }
    assert_eq!(fired, DUE_TIMES as usize);
    let sent: Vec<_> = stage.handle_firings().await.into_iter().filter_map(|firing| firing.due_at).collect();
    assert_eq!(sent.len(), DUE_TIMES as usize);
    let due_times: BTreeSet<_> = (0..DUE_TIMES).map(|n| first + PERIOD * n).collect();
    assert_eq!(sent.into_iter().collect::<BTreeSet<_>>(), due_times);
}

pub async fn what_was_missed_may_be_made_up_for_a_hundred_at_a_time<S: Subject>(stage: &mut Stage<S>) {
    let first = stage.schedule(&[schedule("sweep", PERIOD).misfire(Misfire::RunAll)]).await;
    let max = Misfire::RUN_ALL_MAX;
    stage.wind_until(first + PERIOD * 250).await;

    for due in [100, 200] {
        let ticked = stage.tick("sweep").await;
        assert_eq!((ticked.fired, ticked.missed), (max, 0));
        assert!(ticked.next_due.is_some_and(|due| due <= stage.now()), "there is more: {ticked:?}");
        assert_eq!(stage.stored_schedule("sweep").await.next_at, Some(first + PERIOD * due));
    }
    assert_eq!(stage.tick("sweep").await, ticked(51, 0, first + PERIOD * 251));
    assert_eq!(stage.tick("sweep").await, ticked(0, 0, first + PERIOD * 251));
    let claimed = stage.claim("sweep", 500).await;
    let ids: BTreeSet<_> = claimed.iter().map(|delivery| delivery.envelope.id).collect();
    assert_eq!(ids.len(), 251, "each is a message of its own");
    let mut sent: Vec<_> = claimed.into_iter().filter_map(|delivery| delivery.envelope.trail.firing).collect();
    sent.sort_by_key(|firing| firing.due_at);
    assert_eq!(sent, (0..=250).map(|n| firing("sweep", first + PERIOD * n)).collect::<Vec<_>>());
    assert_eq!(stage.stored_schedule("sweep").await.missed, 0);
}

pub async fn what_is_too_late_may_be_skipped<S: Subject>(stage: &mut Stage<S>) {
    let hour = Duration::from_secs(3600);
    let hourly = Schedule::new(Timetable::every(hour), Swept).named("hourly").misfire(Misfire::Skip);
    stage.declare_schedules(&[hourly]).await;
    let first = stage.stored_schedule("hourly").await.next_at.unwrap();

    stage.wind_until(first + Misfire::TOLERANCE).await;
    assert_eq!(stage.tick("hourly").await, ticked(1, 0, first + hour), "a little late");
    stage.wind_until(first + hour + Misfire::TOLERANCE + MICROSECOND).await;
    assert_eq!(stage.tick("hourly").await, ticked(0, 1, first + hour * 2), "too late");
    stage.wind_until(first + hour * 5 + Misfire::TOLERANCE).await;
    assert_eq!(stage.tick("hourly").await, ticked(1, 3, first + hour * 6), "the last of them is not too late");

    assert_eq!(stage.handle_firings().await, [firing("hourly", first), firing("hourly", first + hour * 5)]);
    let stored = stage.stored_schedule("hourly").await;
    assert_eq!((stored.missed, stored.last_at), (4, Some(stage.now())));
}

pub async fn what_is_due_once_is_sent_once_though_its_sending_fails<S: Subject>(stage: &mut Stage<S>) {
    let due = stage.now() + PERIOD;
    let once = [Schedule::new(Timetable::once(due), Swept).named("once")];
    stage.declare_schedules(&once).await;
    assert_eq!(stage.tick("once").await, ticked(0, 0, due));
    stage.wind_until(due + PERIOD).await;

    // Given up ever later on its way, until it comes to its end.
    let (tenant, outgoing, engine) = (Tenant::default(), [stage.message("sweep", "once")], stage.engine());
    let mut polls_max = 1;
    loop {
        let mut firing = engine.fire_schedule(&tenant, "once", &outgoing);
        let mut ended = None;
        for _ in 0..polls_max {
            ended = (&mut firing).now_or_never();
            if ended.is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        match ended {
            Some(ended) => break assert_eq!(ended.unwrap().unwrap().next_due, None),
            None => polls_max *= 2,
        }
    }
    assert_eq!(stage.handle_firings().await, [firing("once", due)]);

    drop(engine);
    stage.declare_schedules(&[Schedule::new(Timetable::once(due), Swept).named("passed")]).await;
    for again in [false, true] {
        if again && !stage.reopen().await {
            return;
        }
        stage.declare_schedules(&once).await;
        stage.wind(PERIOD * 10).await;
        assert_eq!(stage.tick("once").await, Ticked::default());
        assert_eq!(stage.tick("passed").await, Ticked::default(), "it had when it was first declared");
        stage.assert_idle("sweep").await;
    }
}

pub async fn what_is_paused_is_never_due<S: Subject>(stage: &mut Stage<S>) {
    let sweep = || [schedule("sweep", PERIOD).misfire(Misfire::RunAll)];
    let first = stage.schedule(&sweep()).await;
    stage.wind_until(first).await;
    let paused = stage.change("sweep", &ScheduleChange::Pause).await;
    assert_eq!((paused.paused_at, paused.next_at, paused.changed_by.as_deref()), (Some(first), None, Some("jane")));
    assert_eq!(stage.stored_schedule("sweep").await, paused);

    stage.declare_schedules(&sweep()).await;
    stage.wind(PERIOD * 10).await;
    assert_eq!(stage.tick("sweep").await, Ticked::default());
    assert_eq!(stage.change("sweep", &ScheduleChange::Pause).await, paused, "it is paused already");

    let resumed = stage.change("sweep", &ScheduleChange::Resume).await;
    assert_eq!((resumed.paused_at, resumed.version), (None, paused.version + 1));
    assert_eq!(stage.tick("sweep").await, ticked(0, 0, first + PERIOD * 11), "what passed is not made up for");
    stage.wind(PERIOD).await;
    assert_eq!(stage.tick("sweep").await, ticked(1, 0, first + PERIOD * 12));
    assert_eq!(stage.handle_firings().await, [firing("sweep", first + PERIOD * 11)]);
    assert_eq!(stage.stored_schedule("sweep").await.missed, 0, "nor counted");

    let paused = stage.change("sweep", &ScheduleChange::Pause).await;
    if stage.reopen().await {
        stage.declare_schedules(&sweep()).await;
        stage.wind(PERIOD).await;
        assert_eq!(stage.tick("sweep").await, Ticked::default());
        assert_eq!(stage.stored_schedule("sweep").await, paused);
    }
}

/// A worker that knows of no due time looks again now and then; a person who resumes a schedule does not wait for that.
pub async fn w27_what_was_resumed_is_noticed_at_once<S: Subject>(stage: &mut Stage<S>) {
    let (swept, mut sweeps) = mpsc::unbounded_channel();
    let module = Module::new("floors", swept).consume("sweep", sweep).every(Duration::from_secs(1), Swept);
    let ready = Worker::new(stage.engine()).module(module).ready().await.expect("a sound worker");
    let (client, stop) = (ready.client("test"), Arc::new(Notify::new()));
    let (tenant, asked) = (Tenant::default(), Arc::clone(&stop));
    client.pause_schedule(&tenant, Swept::NAME, "jane").await.unwrap();
    let running = tokio::spawn(async move { ready.run_until(asked.notified()).await });
    let sign = format!("wharf.schedule.{}", Swept::NAME);
    let has_looked = async || client.vitals().all().get(&sign).is_some_and(|vital| vital.looked_at.is_some());
    while !has_looked().await {
        tokio::task::yield_now().await;
    }

    client.resume_schedule(&tenant, Swept::NAME, "jane").await.unwrap();
    // Less than it takes until the worker looks by itself.
    for _ in 0..10 {
        stage.wind(Duration::from_secs(1)).await;
        if let Ok(Some(())) = tokio::time::timeout(Duration::from_millis(200), sweeps.recv()).await {
            break;
        }
    }
    assert!(stage.stored_schedule(Swept::NAME).await.last_at.is_some());
    stop.notify_one();
    running.await.unwrap();
}

pub async fn a_trigger_sends_the_message_and_leaves_the_due_times_alone<S: Subject>(stage: &mut Stage<S>) {
    let (swept, _sweeps) = mpsc::unbounded_channel();
    let module = Module::new("floors", swept).consume("sweep", sweep).schedule(schedule("nightly", PERIOD));
    Worker::new(stage.engine()).module(module).ready().await.expect("a sound worker");
    let (console, tenant) = (stage.console().await, Tenant::default());
    console.pause_schedule(&tenant, "nightly", "jane").await.unwrap();
    let before = stage.stored_schedule("nightly").await;

    let id = console.trigger_schedule(&tenant, "nightly", "jane").await.unwrap();
    let triggered = stage.claim_one("sweep").await;
    let envelope = &triggered.envelope;
    assert_eq!((envelope.id, &*envelope.name, envelope.key.as_str()), (id, Swept::NAME, "floor:1"));
    assert_eq!((&*triggered.body, envelope.trail.actor.as_deref()), ("null", Some("jane")));
    assert_eq!(envelope.trail.firing, Some(Firing { schedule: Arc::from("nightly"), due_at: None }));
    let arguments = serde_json::json!({ "floor": 7 });
    console.trigger_schedule_with(&tenant, "nightly", &arguments, "jane").await.unwrap();
    assert_eq!(&*stage.claim_one("sweep").await.body, r#"{"floor":7}"#);

    assert_eq!(stage.stored_schedule("nightly").await, before);
    let unknown = console.trigger_schedule(&tenant, "daily", "jane").await.unwrap_err();
    assert_eq!(unknown.to_string(), "W0038: tenant `default` has no schedule `daily`");
    let unknown = console.pause_schedule(&Tenant::new("acme"), "nightly", "jane").await.unwrap_err();
    assert_eq!(unknown.code(), Code::SCHEDULE_UNKNOWN);
}

pub async fn what_somebody_changed_is_kept_until_it_is_reset<S: Subject>(stage: &mut Stage<S>) {
    let first = stage.schedule(&[schedule("sweep", PERIOD)]).await;
    let version = async || {
        let stored = stage.stored_schedule("sweep").await;
        (stored.version, stored.changed_by.map(|who| who.to_string()))
    };
    assert_eq!(version().await, (1, None));
    stage.declare_schedules(&[schedule("sweep", PERIOD)]).await;
    assert_eq!(version().await, (1, None), "declared as it was");
    stage.declare_schedules(&[schedule("sweep", PERIOD * 2)]).await;
    assert_eq!(version().await, (2, None));

    let thrice = Timetable::every(PERIOD * 3);
    let changed = stage.change("sweep", &ScheduleChange::Times(thrice.clone())).await;
    assert_eq!((changed.timetable().unwrap(), changed.changed_at), (thrice.clone(), stage.now()));
    assert_eq!(version().await, (3, Some("jane".to_owned())));
    stage.declare_schedules(&[schedule("sweep", PERIOD)]).await;
    let kept = stage.stored_schedule("sweep").await;
    assert!(kept.is_changed_by_hand() && kept.timetable().unwrap() == thrice, "{kept:?}");
    assert_eq!(version().await, (4, Some("jane".to_owned())), "the module says otherwise, and Jane is still heard");
    let due = thrice.first_after(stage.now()).unwrap();
    assert_eq!(stage.tick("sweep").await, ticked(0, 0, due));
    assert_eq!(kept.preview(2).unwrap(), [due, due + PERIOD * 3]);

    let reset = stage.change("sweep", &ScheduleChange::Reset).await;
    assert_eq!((reset.version, reset.next_at, reset.is_changed_by_hand()), (5, Some(first), false));
    stage.declare_schedules(&[schedule("sweep", PERIOD * 2)]).await;
    assert_eq!(
        stage.stored_schedule("sweep").await.timetable().unwrap(),
        Timetable::every(PERIOD * 2),
        "the module is heard again"
    );
    assert_eq!(version().await, (6, None));
    let unheard =
        stage.engine().change_schedule(&Tenant::default(), "unheard of", &ScheduleChange::Pause, "jane").await;
    assert_eq!(unheard.unwrap(), None);
}

pub async fn what_is_declared_otherwise_is_due_at_its_new_times_only<S: Subject>(stage: &mut Stage<S>) {
    stage.wind_until(at("2026-05-01T12:00:00Z")).await;
    stage.declare_schedules(&[cron("nightly", "0 3 * * *", "UTC")]).await;
    stage.declare_schedules(&[cron("nightly", "0 5 * * *", "UTC")]).await;
    stage.wind_until(at("2026-05-02T03:00:00Z")).await;
    assert_eq!(stage.tick("nightly").await, ticked(0, 0, at("2026-05-02T05:00:00Z")));

    // What had come due by then is not forgotten.
    stage.wind_until(at("2026-05-02T06:00:00Z")).await;
    stage.declare_schedules(&[cron("nightly", "0 9 * * *", "UTC")]).await;
    assert_eq!(stage.tick("nightly").await, ticked(1, 0, at("2026-05-02T09:00:00Z")));
    assert_eq!(stage.handle_firings().await, [firing("nightly", at("2026-05-02T05:00:00Z"))]);
}

pub async fn a_restart_of_everything_fires_nothing_that_is_not_due<S: Subject>(stage: &mut Stage<S>) {
    stage.wind_until(at("2026-05-01T12:00:00Z")).await;
    let once = |name: &str, due: &str| Schedule::new(Timetable::once(at(due)), Swept).named(name);
    let all = || {
        [
            schedule("every", PERIOD),
            schedule("all", PERIOD).misfire(Misfire::RunAll),
            cron("nightly", "0 3 * * *", "Europe/Berlin").misfire(Misfire::Skip),
            once("done", "2026-05-01T12:00:30Z"),
            once("later", "2026-05-02T12:00:00Z"),
        ]
    };
    stage.declare_schedules(&all()).await;
    stage.wind(PERIOD).await;
    for schedule in all() {
        stage.tick_on(&schedule.name).await;
    }
    assert_eq!(stage.handle_firings().await.len(), 3);

    for again in [false, true, true] {
        if again && !stage.reopen().await {
            return;
        }
        stage.wind(Duration::from_secs(19)).await;
        stage.declare_schedules(&all()).await;
        for schedule in all() {
            assert_eq!(stage.tick(&schedule.name).await.fired, 0, "{}", schedule.name);
        }
    }
    stage.assert_idle("sweep").await;
}
