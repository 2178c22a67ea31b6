//! Fires one schedule: at each of its due times one message, whoever of the workers is first.

use std::{sync::Arc, time::Duration};

use super::{Lookout, Runtime};
use crate::{
    Bus, Code, Error, Trail,
    module::Tick,
    ports::{Declaration, Declared, Ticked},
};

/// How long it is left alone at most: another process may have changed its period.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long one firing may take. What hangs longer is dropped, which undoes it, and tried again.
const FIRING_MAX: Duration = Duration::from_secs(10);

/// Looks whenever it should be due. Each schedule has a task of its own, so that one which hangs does not halt others.
pub(crate) async fn keep_schedule(runtime: Runtime, tick: Arc<Tick>) -> Result<(), Error> {
    let clock = &runtime.post.clock;
    let (mut lookout, sign) = (Lookout::default(), sign(&tick));
    clock.sleep_until(tick.first_look(clock.now())).await;
    loop {
        let ticked = tokio::select! {
            ticked = fire(&runtime, &tick) => ticked?,
            () = clock.sleep_until(clock.now() + FIRING_MAX) => {
                let message = format!("schedule `{}` could not be fired within {FIRING_MAX:?}", tick.name);
                return Err(Error::new(Code::ENGINE_UNREACHABLE, message));
            }
        };
        runtime.vitals.look(&sign, clock.now(), LOOK_EVERY);
        let look_at = lookout.next(clock.now(), usize::from(ticked.fired), ticked.next_due, LOOK_EVERY);
        clock.sleep_until(look_at).await;
    }
}

/// The name under which it gives signs of life, which no endpoint has.
pub(crate) fn sign(tick: &Tick) -> String {
    format!("wharf.schedule.{}", tick.name)
}

/// Sends its message if it is due, by the engine's clock, and moves it on in the same commit.
pub(crate) async fn fire(runtime: &Runtime, tick: &Tick) -> Result<Ticked, Error> {
    let schedule = tick.schedule();
    let bus = Bus::new(Arc::clone(&runtime.post), schedule.tenant.clone(), Trail::begin(Arc::clone(&tick.name)));
    (tick.send)(&bus);
    let outgoing = bus.take_plain()?;
    let ticked = runtime.engine.fire_schedule(&schedule.tenant, &schedule.name, &outgoing).await?;
    if ticked.missed > 0 {
        let (schedule, missed) = (&*tick.name, ticked.missed);
        tracing::warn!(schedule, missed, "due times passed while nobody fired it; this one firing stands for them all");
    }
    if ticked.next_due.is_none() {
        // Forsaken for so long that it was pruned.
        let declaration = Declaration { schedules: vec![schedule], ..Declaration::default() };
        if let Declared::Refused(problems) = runtime.engine.declare(&declaration).await? {
            return problems.into_iter().next().map_or(Ok(ticked), Err);
        }
    }
    Ok(ticked)
}
