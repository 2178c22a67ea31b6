//! Turns due saga timers into deliveries.

use super::{Lookout, Runtime};
use crate::{Error, ports::Wakeups};

/// Looks when a timer is due, when one was armed, and now and then.
pub(crate) async fn fire_timers(runtime: Runtime) -> Result<(), Error> {
    let bell = runtime.engine.wakeups().bell(Wakeups::TIMERS);
    let clock = &runtime.post.clock;
    let mut lookout = Lookout::default();
    loop {
        let fired = runtime.engine.fire_timers(runtime.limits.timer_batch_max_rows).await?;
        runtime.vitals.look(Wakeups::TIMERS, clock.now(), runtime.limits.fallback_poll);
        if fired.fired == runtime.limits.timer_batch_max_rows {
            continue;
        }
        let look_at = lookout.next(clock.now(), fired.fired, fired.next_due, runtime.limits.fallback_poll);
        tokio::select! {
            _ = bell.notified() => {}
            () = clock.sleep_until(look_at) => {}
        }
    }
}
