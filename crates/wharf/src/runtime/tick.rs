//! Sends a module's periodic messages.

use std::{sync::Arc, time::Duration};

use super::Runtime;
use crate::{Bus, Error, Tenant, Timestamp, Trail, module::Tick, time::micros};

/// Sends the tick's message at every multiple of its period.
pub(crate) async fn tick(runtime: Runtime, tick: Arc<Tick>) -> Result<(), Error> {
    loop {
        let clock = &runtime.post.clock;
        clock.sleep_until(next_fire(clock.now(), tick.period)).await;
        send(&runtime, &tick).await?;
        runtime.vitals.look(tick.name, clock.now(), tick.period);
    }
}

/// Sends it once.
pub(crate) async fn send(runtime: &Runtime, tick: &Tick) -> Result<(), Error> {
    let bus = Bus::new(Arc::clone(&runtime.post), Tenant::default(), Trail::begin(Arc::from(tick.name)));
    (tick.send)(&bus);
    let outgoing = bus.take_plain()?;
    runtime.engine.send(&outgoing).await
}

/// The first multiple of the period after `now`.
pub(crate) fn next_fire(now: Timestamp, period: Duration) -> Timestamp {
    let period = micros(period).max(1);
    Timestamp::from_micros((now.as_micros().div_euclid(period) + 1).saturating_mul(period))
}
