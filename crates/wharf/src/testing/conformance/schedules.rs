//! Schedules: each due time is one message, however many fire; what was missed is counted and not made up for.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};

use super::{
    Stage, Subject,
    stage::{MICROSECOND, forgettable},
};
use crate::{
    Key, Message, Module, Msg, Outgoing, Result, Schedule, State, Tenant, Timestamp, Timetable, Vitals, Worker, micros,
    ports::{Declaration, ScheduleChange, Store, StoredSchedule, Tick, Ticked, Transport},
    testing::Faulty,
};

pub(super) const PERIOD: Duration = Duration::from_secs(60);
/// Real time: what is under way comes about sooner, or not before time passes.
const QUIET_MAX: Duration = Duration::from_millis(500);

pub(super) fn schedule(name: &str, period: Duration) -> Schedule {
    Schedule::new(Timetable::every(period), Swept).named(name)
}

impl<S: Subject> Stage<S> {
    /// Declares schedules at seven seconds past a due time, and returns the next one.
    pub(super) async fn schedule(&self, schedules: &[Schedule]) -> Timestamp {
        let now = self.now().as_micros();
        let past = now.rem_euclid(micros(PERIOD * 2));
        self.wind(PERIOD * 2 - Duration::from_micros(past.unsigned_abs()) + Duration::from_secs(7)).await;
        self.declare_schedules(schedules).await;
        self.now() + (PERIOD - Duration::from_secs(7))
    }

    pub(super) async fn declare_schedules(&self, schedules: &[Schedule]) {
        let declaration = Declaration { schedules: schedules.to_vec(), ..Declaration::default() };
        self.engine().declare(&declaration).await.unwrap();
    }

    pub(super) async fn tick(&self, name: &str) -> Ticked {
        let outgoing = [self.message("sweep", name)];
        self.engine().fire_schedule(&Tenant::default(), name, &outgoing).await.unwrap().expect("it is declared")
    }

    /// To be fired with others.
    fn tick_of(&self, name: &str) -> Tick {
        Tick { tenant: Tenant::default(), name: Arc::from(name), outgoing: vec![self.message("sweep", name)] }
    }

    /// Waits until it is so. A look that was under way while time was wound is given up, and begun anew after a pause: a
    /// second passes whenever nothing comes about for a while.
    async fn in_the_end(&self, mut is_so: impl AsyncFnMut() -> bool) {
        let mut quiet_since = Instant::now();
        while !is_so().await {
            tokio::task::yield_now().await;
            if quiet_since.elapsed() > QUIET_MAX {
                self.wind(Duration::from_secs(1)).await;
                quiet_since = Instant::now();
            }
        }
    }

    /// Somebody changes a schedule.
    pub(super) async fn change(&self, name: &str, change: &ScheduleChange) -> StoredSchedule {
        let changed = self.engine().change_schedule(&Tenant::default(), name, change, "jane").await;
        changed.unwrap().expect("it is declared")
    }

    pub(super) async fn wind_until(&self, moment: Timestamp) {
        self.wind(moment.since(self.now())).await;
    }

    pub(super) async fn all_schedules(&self) -> Vec<StoredSchedule> {
        self.engine().schedules().await.unwrap()
    }
}

pub(super) fn ticked(fired: usize, missed: u64, next: Timestamp) -> Ticked {
    Ticked { fired, missed, next_due: Some(next), ..Ticked::default() }
}

pub async fn a_schedule_fires_at_each_multiple_of_its_period_and_not_a_microsecond_early<S: Subject>(
    stage: &mut Stage<S>,
) {
    let first = stage.schedule(&[schedule("sweep", PERIOD)]).await;
    assert_eq!(first.as_micros() % micros(PERIOD), 0);
    for n in 0..3 {
        let due = first + PERIOD * n;
        stage.wind_until(due - MICROSECOND).await;
        assert_eq!(stage.tick("sweep").await, ticked(0, 0, due));
        stage.assert_idle("sweep").await;
        stage.wind(MICROSECOND).await;
        assert_eq!(stage.tick("sweep").await, ticked(1, 0, due + PERIOD));
        assert_eq!(stage.tick("sweep").await, ticked(0, 0, due + PERIOD));
        assert_eq!(stage.handle_all("sweep").await, ["sweep"]);
    }
    let unheard =
        stage.engine().fire_schedule(&Tenant::default(), "unheard of", &[stage.message("sweep", "sweep")]).await;
    assert_eq!(unheard.unwrap(), None);
    stage.assert_idle("sweep").await;
}

pub async fn of_many_who_fire_at_once_one_sends<S: Subject>(stage: &mut Stage<S>) {
    let first = stage.schedule(&[schedule("sweep", PERIOD)]).await;
    for n in 0..5 {
        stage.wind_until(first + PERIOD * n).await;
        let firing: Vec<_> = (0..4)
            .map(|_| {
                let (engine, outgoing) = (stage.engine(), [stage.message("sweep", "sweep")]);
                tokio::spawn(async move {
                    engine.fire_schedule(&Tenant::default(), "sweep", &outgoing).await.unwrap().unwrap()
                })
            })
            .collect();
        let mut fired = 0;
        for one in firing {
            fired += one.await.unwrap().fired;
        }
        assert_eq!(fired, 1);
        assert_eq!(stage.handle_all("sweep").await.len(), 1);
    }
}

pub async fn several_are_fired_together_each_with_an_answer_of_its_own<S: Subject>(stage: &mut Stage<S>) {
    let late = Schedule::new(Timetable::every(PERIOD * 2), Swept).named("late");
    let first = stage.schedule(&[schedule("a", PERIOD), late, schedule("only", PERIOD), schedule("z", PERIOD)]).await;
    let mut ticks = ["z", "late", "only", "unheard of", "a"].map(|name| stage.tick_of(name));
    ticks[2].outgoing = vec![Outgoing { unique: Some(Arc::from("only")), ..stage.message("elsewhere", "only") }];
    let engine = stage.engine();
    let fire = async || engine.fire_schedules(&ticks).await.unwrap();
    let none = |next| Some(ticked(0, 0, next));
    assert_eq!(fire().await, [none(first), none(first + PERIOD), none(first), None, none(first)], "not due yet");

    stage.wind_until(first).await;
    let second = first + PERIOD;
    let fired = Some(ticked(1, 0, second));
    assert_eq!(fire().await, [fired, none(second), fired, None, fired]);
    assert_eq!(fire().await, [none(second), none(second), none(second), None, none(second)]);
    let mut handled = stage.handle_all("sweep").await;
    handled.sort_unstable();
    assert_eq!(handled, ["a", "z"]);

    stage.wind_until(second).await;
    let (fired, third) = (Some(ticked(1, 0, second + PERIOD)), second + PERIOD);
    let skipped = Some(Ticked { skipped: 1, ..ticked(1, 0, third) });
    assert_eq!(fire().await, [fired, Some(ticked(1, 0, third + PERIOD)), skipped, None, fired], "one still waits");
    assert_eq!(stage.all_schedules().await.iter().map(|stored| stored.skipped).collect::<Vec<_>>(), [0, 0, 1, 0]);
}

pub async fn of_many_who_fire_many_together_each_is_sent_once<S: Subject>(stage: &mut Stage<S>) {
    let names: Vec<String> = (0..60).map(|n| format!("s{n:02}")).collect();
    let schedules: Vec<_> = names.iter().map(|name| schedule(name, PERIOD)).collect();
    let first = stage.schedule(&schedules).await;
    stage.wind_until(first).await;
    let firing: Vec<_> = (0..4)
        .map(|start| {
            let mut ticks: Vec<_> = names.iter().map(|name| stage.tick_of(name)).collect();
            ticks.rotate_left(start * 13);
            let engine = stage.engine();
            tokio::spawn(async move {
                let mut fired = 0;
                for ticks in ticks.chunks(25) {
                    let ticked = engine.fire_schedules(ticks).await.unwrap();
                    fired += ticked.into_iter().flatten().map(|ticked| ticked.fired).sum::<usize>();
                }
                fired
            })
        })
        .collect();
    let mut fired = 0;
    for one in firing {
        fired += one.await.unwrap();
    }
    assert_eq!(fired, names.len());
    let mut handled = stage.handle_all("sweep").await;
    handled.sort_unstable();
    assert_eq!(handled, names);
}

/// There is no leader: whoever fires is fenced by the row. One that stood still in the midst of firing, and goes on as if
/// nobody had fired meanwhile, sends nothing.
pub async fn w07_who_stood_still_in_the_midst_of_firing_sends_nothing_twice<S: Subject>(stage: &mut Stage<S>) {
    let first = stage.schedule(&[schedule("sweep", PERIOD)]).await;
    let slow = Faulty::new(stage.engine(), 0).rate(0.0).pausing();
    for (n, meanwhile) in [(0, 1), (1, 3)] {
        let due = first + PERIOD * n;
        stage.wind_until(due).await;
        let (tenant, outgoing) = (Tenant::default(), [stage.message("sweep", "of the one who stood still")]);
        let mut firing = slow.fire_schedule(&tenant, "sweep", &outgoing);
        assert!((&mut firing).now_or_never().is_none(), "it stands still before the database hears of it");
        for later in 0..meanwhile {
            stage.wind_until(due + PERIOD * later).await;
            assert_eq!(stage.tick("sweep").await.fired, 1);
        }

        assert_eq!(firing.await.unwrap(), Some(ticked(0, 0, due + PERIOD * meanwhile)));
        assert_eq!(stage.handle_all("sweep").await, vec!["sweep"; meanwhile as usize]);
    }
}

pub async fn what_was_missed_is_counted_and_fired_once<S: Subject>(stage: &mut Stage<S>) {
    let first = stage.schedule(&[schedule("sweep", PERIOD)]).await;
    stage.tick("sweep").await;
    stage.wind_until(first + PERIOD * 10 + MICROSECOND).await;
    // As when every process was stopped meanwhile, and starts again.
    stage.declare_schedules(&[schedule("sweep", PERIOD)]).await;

    assert_eq!(stage.tick("sweep").await, ticked(1, 10, first + PERIOD * 11));
    stage.wind_until(first + PERIOD * 11).await;
    assert_eq!(stage.tick("sweep").await, ticked(1, 0, first + PERIOD * 12));
    assert_eq!(stage.handle_all("sweep").await.len(), 2);

    stage.wind_until(first + PERIOD * 13).await;
    assert_eq!(stage.tick("sweep").await, ticked(1, 1, first + PERIOD * 14));
    let declared_at = first - (PERIOD - Duration::from_secs(7));
    let stored = StoredSchedule {
        next_at: Some(first + PERIOD * 14),
        last_at: Some(first + PERIOD * 13),
        missed: 11,
        ..StoredSchedule::declared(None, &schedule("sweep", PERIOD), declared_at)
    };
    assert_eq!(stage.all_schedules().await, [stored]);
}

pub async fn a_changed_period_takes_effect_when_it_is_declared<S: Subject>(stage: &mut Stage<S>) {
    let first = stage.schedule(&[schedule("sweep", PERIOD * 2)]).await + PERIOD;
    assert_eq!(stage.tick("sweep").await, ticked(0, 0, first));

    stage.declare_schedules(&[schedule("sweep", PERIOD)]).await;
    assert_eq!(stage.tick("sweep").await, ticked(0, 0, first - PERIOD), "shorter: it comes forward");
    stage.wind_until(first - PERIOD).await;
    assert_eq!(stage.tick("sweep").await, ticked(1, 0, first));

    stage.declare_schedules(&[schedule("sweep", PERIOD * 2)]).await;
    stage.wind_until(first).await;
    let next = stage.tick("sweep").await;
    assert!(
        next.fired == 1 && next.next_due == Some(first + PERIOD * 2),
        "longer: from its next due time on: {next:?}"
    );
}

pub async fn schedules_are_told_apart_by_name<S: Subject>(stage: &mut Stage<S>) {
    let first = stage.schedule(&[schedule("a", PERIOD), schedule("b", PERIOD)]).await;
    stage.wind_until(first).await;
    assert_eq!(stage.tick("a").await.fired, 1);
    assert_eq!(stage.handle_all("sweep").await, ["a"]);
    assert_eq!(stage.tick("b").await.fired, 1);
    assert_eq!(stage.handle_all("sweep").await, ["b"]);
    let elsewhere = stage.engine().fire_schedule(&Tenant::new("acme"), "a", &[stage.message("sweep", "a")]).await;
    assert_eq!(elsewhere.unwrap(), None, "of another tenant");
}

pub async fn a_forsaken_schedule_is_forgotten_in_the_end<S: Subject>(stage: &mut Stage<S>) {
    let first = stage.schedule(&["forsaken", "alive", "paused"].map(|name| schedule(name, PERIOD))).await;
    stage.declare_schedules(&[Schedule::new(Timetable::once(first), Swept).named("done")]).await;
    stage.change("paused", &ScheduleChange::Pause).await;
    stage.wind_until(first).await;
    stage.tick("done").await;
    let kept = Duration::from_secs(3600);
    stage.wind_until(first + kept - MICROSECOND).await;
    stage.tick("alive").await;
    assert_eq!(stage.engine().prune(&forgettable(kept), 10).await.unwrap(), 0);
    stage.wind(MICROSECOND).await;
    assert_eq!(stage.engine().prune(&forgettable(kept), 10).await.unwrap(), 2);
    let left: Vec<_> = stage.all_schedules().await.into_iter().map(|stored| stored.name).collect();
    assert_eq!(left, ["alive", "paused"].map(Arc::from));
}

#[derive(Serialize, Deserialize)]
pub(super) struct Swept;

impl Message for Swept {
    const NAME: &'static str = "case.swept";
    fn key(&self) -> Key {
        Key::new("floor", 1)
    }
}

pub(super) async fn sweep(Msg(_): Msg<Swept>, State(swept): State<mpsc::UnboundedSender<()>>) -> Result {
    let _ = swept.send(());
    Ok(())
}

pub async fn w06_two_workers_send_each_due_time_once<S: Subject>(stage: &mut Stage<S>) {
    const DUE_TIMES: u32 = 10;
    let (swept, mut sweeps) = mpsc::unbounded_channel();
    let stop = Arc::new(Notify::new());
    let (mut running, mut vitals) = (Vec::new(), Vec::new());
    stage.wind_until(Timetable::every(PERIOD).first_after(stage.now()).unwrap()).await;
    for _ in 0..2 {
        let module = Module::new("floors", swept.clone()).consume("sweep", sweep).every(PERIOD, Swept);
        let ready = Worker::new(stage.engine()).module(module).ready().await.expect("a sound worker");
        let asked = Arc::clone(&stop);
        vitals.push(ready.client("test").vitals().clone());
        running.push(tokio::spawn(async move { ready.run_until(asked.notified()).await }));
    }
    for _ in 0..DUE_TIMES {
        let now = stage.now();
        stage.in_the_end(async || vitals.iter().all(|vitals| has_looked(vitals, now))).await;
        stage.wind(PERIOD).await;
        stage.in_the_end(async || sweeps.try_recv().is_ok()).await;
        // Settled before so much time passes that its lease runs out.
        stage.in_the_end(async || stage.engine().depth().await.unwrap().is_empty()).await;
    }
    for _ in &running {
        stop.notify_one();
    }
    for one in running {
        one.await.unwrap();
    }
    assert!(sweeps.try_recv().is_err(), "a due time was sent twice");
    stage.assert_idle("sweep").await;
    assert_eq!(stage.all_schedules().await[0].missed, 0);
}

/// Whether a worker has looked at the schedule since then.
fn has_looked(vitals: &Vitals, since: Timestamp) -> bool {
    let schedule = vitals.all().remove("wharf.schedule.case.swept");
    schedule.and_then(|vital| vital.looked_at).is_some_and(|looked_at| looked_at >= since)
}
