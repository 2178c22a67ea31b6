//! Fires one schedule: at each of its due times one message, whoever of the workers is first.

use std::{sync::Arc, time::Duration};

use super::{Firings, Lookout, Runtime};
use crate::{
    Bus, Code, Error, PauseAfter, RunFilter, RunRecord, RunStatus, Schedule, Trail,
    ports::{Declaration, Declared, ScheduleChange, Tick, Ticked, Wakeups},
};

/// How long it is left alone at most: another process may have changed it.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long one firing may take. What hangs longer is dropped, which undoes it, and tried again.
const FIRING_MAX: Duration = Duration::from_secs(10);

/// Looks whenever it should be due, and when somebody has changed it. Each schedule has a task of its own, so that one which
/// hangs does not halt others; they are [fired together](Firings).
pub(crate) async fn keep_schedule(
    runtime: Runtime,
    schedule: Arc<Schedule>,
    firings: Arc<Firings>,
) -> Result<(), Error> {
    let clock = &runtime.post.clock;
    let bell = runtime.engine.wakeups().bell(&Wakeups::schedule(&schedule.name));
    let (mut lookout, sign) = (Lookout::default(), sign(&schedule));
    clock.sleep_until(schedule.first_look(clock.now())).await;
    loop {
        let ticked = tokio::select! {
            ticked = fire_with_others(&runtime, &schedule, &firings) => ticked?,
            () = clock.sleep_until(clock.now() + FIRING_MAX) => {
                let message = format!("schedule `{}` could not be fired within {FIRING_MAX:?}", schedule.name);
                return Err(Error::new(Code::ENGINE_UNREACHABLE, message));
            }
        };
        // One that is due and that nobody gets to fire gives no sign of life: somebody may hold its row for ever.
        if ticked.fired > 0 || ticked.next_due.is_none_or(|due| due > clock.now()) {
            runtime.vitals.look(&sign, clock.now(), LOOK_EVERY);
        }
        let look_at = lookout.next(clock.now(), ticked.fired, ticked.next_due, LOOK_EVERY);
        tokio::select! {
            _ = bell.notified() => {}
            () = clock.sleep_until(look_at) => {}
        }
    }
}

/// The name under which it gives signs of life, which no endpoint has.
pub(crate) fn sign(schedule: &Schedule) -> String {
    format!("wharf.schedule.{}", schedule.name)
}

async fn fire_with_others(runtime: &Runtime, schedule: &Schedule, firings: &Firings) -> Result<Ticked, Error> {
    give_up(runtime, schedule).await?;
    let ticked = firings.fire(runtime, tick(runtime, schedule)?).await?;
    tell(runtime, schedule, ticked).await
}

/// Sends its message if it is due, by the engine's clock, and moves it on in the same commit; unless it has failed so often
/// that it is paused.
#[cfg(feature = "testing")]
pub(crate) async fn fire(runtime: &Runtime, schedule: &Schedule) -> Result<Ticked, Error> {
    give_up(runtime, schedule).await?;
    let Tick { tenant, name, outgoing } = tick(runtime, schedule)?;
    let ticked = runtime.engine.fire_schedule(&tenant, &name, &outgoing).await?;
    tell(runtime, schedule, ticked).await
}

fn tick(runtime: &Runtime, schedule: &Schedule) -> Result<Tick, Error> {
    let (tenant, name) = (schedule.tenant.clone(), Arc::clone(&schedule.name));
    let bus = Bus::new(Arc::clone(&runtime.post), tenant.clone(), Trail::begin(Arc::clone(&name)));
    bus.post(&schedule.message);
    Ok(Tick { tenant, name, outgoing: bus.take_plain()? })
}

/// Tells what came of it. One that is there no more is declared anew.
async fn tell(runtime: &Runtime, schedule: &Schedule, ticked: Option<Ticked>) -> Result<Ticked, Error> {
    let Some(ticked) = ticked else { return declare_anew(runtime, schedule).await };
    if ticked.missed > 0 {
        let (schedule, missed) = (&*schedule.name, ticked.missed);
        tracing::warn!(schedule, missed, "due times passed while nobody fired it; they are not made up for");
    }
    if ticked.skipped > 0 {
        let (schedule, skipped) = (&*schedule.name, ticked.skipped);
        tracing::info!(schedule, skipped, "due times were skipped, as the job of an earlier one still waits or runs");
    }
    Ok(ticked)
}

/// Pauses it if its last runs have all failed since somebody last changed it.
async fn give_up(runtime: &Runtime, schedule: &Schedule) -> Result<(), Error> {
    let Some(PauseAfter { failures, within }) = schedule.pause_after else { return Ok(()) };
    let last = RunFilter::default().tenant(&schedule.tenant).schedule(&schedule.name).limit(failures);
    let last = runtime.engine.history().ended(&last).await?;
    let has_failed = |run: &RunRecord| matches!(run.status, RunStatus::Failed | RunStatus::TimedOut);
    let (Some(latest), Some(first)) = (last.first(), last.last()) else { return Ok(()) };
    let (Some(latest_at), Some(first_at)) = (latest.ended_at, first.ended_at) else { return Ok(()) };
    if last.len() < failures as usize || !last.iter().all(has_failed) || latest_at.since(first_at) > within {
        return Ok(());
    }
    let stored = runtime.engine.schedules().await?;
    let ours = stored.iter().find(|one| (&one.tenant, &one.name) == (&schedule.tenant, &schedule.name));
    if ours.is_none_or(|stored| stored.paused_at.is_some() || stored.changed_at > first_at) {
        return Ok(());
    }
    let reason = latest.reason.as_deref().unwrap_or_default();
    let because = format!("its last {failures} runs failed within {within:?}; the last of them: {reason}");
    tracing::error!(schedule = &*schedule.name, because, "paused; `Client::resume_schedule` lets it go on");
    let change = ScheduleChange::GiveUp(because);
    runtime.engine.change_schedule(&schedule.tenant, &schedule.name, &change, "wharf").await.map(drop)
}

/// Forsaken for so long that it was pruned.
async fn declare_anew(runtime: &Runtime, schedule: &Schedule) -> Result<Ticked, Error> {
    let declaration = Declaration { schedules: vec![schedule.clone()], ..Declaration::default() };
    let next_due = schedule.timetable.first_after(runtime.post.clock.now());
    match runtime.engine.declare(&declaration).await? {
        Declared::Accepted => Ok(Ticked { next_due, ..Ticked::default() }),
        Declared::Refused(problems) => problems.into_iter().next().map_or(Ok(Ticked::default()), Err),
    }
}
