//! The suite for signals, tested: which case catches which broken carrier.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use uuid::Uuid;
use wharf::{
    Error, Heartbeat, Memory,
    ports::{Cancellation, Hear, Signals, Store},
    testing::{
        ManualClock,
        conformance::signals::{self, Signallers},
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    BelievesForEver,
    KeepsTheFirst,
    IgnoresLeave,
    TellsNobody,
    TellsLater,
    MixesApplications,
}

const FLAWS: [Flaw; 6] = [
    Flaw::BelievesForEver,
    Flaw::KeepsTheFirst,
    Flaw::IgnoresLeave,
    Flaw::TellsNobody,
    Flaw::TellsLater,
    Flaw::MixesApplications,
];

#[derive(Debug, Clone)]
struct Broken {
    inner: Arc<dyn Signals>,
    flaw: Flaw,
    told: Arc<Mutex<Vec<Cancellation>>>,
}

#[async_trait]
impl Signals for Broken {
    async fn beat(&self, beat: &Heartbeat, believed_for: Duration) -> Result<(), Error> {
        let known = self.inner.workers().await?.iter().any(|known| known.worker == beat.worker);
        if known && self.flaw == Flaw::KeepsTheFirst {
            return Ok(());
        }
        let believed_for = if self.flaw == Flaw::BelievesForEver { Duration::MAX } else { believed_for };
        self.inner.beat(beat, believed_for).await
    }

    async fn leave(&self, worker: Uuid) -> Result<(), Error> {
        if self.flaw == Flaw::IgnoresLeave { Ok(()) } else { self.inner.leave(worker).await }
    }

    async fn workers(&self) -> Result<Vec<Heartbeat>, Error> {
        self.inner.workers().await
    }

    async fn cancel(&self, cancellation: &Cancellation) -> Result<(), Error> {
        self.told.lock().unwrap().push(cancellation.clone());
        if self.flaw == Flaw::TellsNobody { Ok(()) } else { self.inner.cancel(cancellation).await }
    }

    async fn listen(&self, hear: &Hear) -> Result<(), Error> {
        if self.flaw == Flaw::TellsLater {
            self.told.lock().unwrap().drain(..).for_each(hear);
        }
        self.inner.listen(hear).await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.inner.ping().await
    }
}

struct OnBroken<const FLAW: usize> {
    clock: ManualClock,
    ours: Broken,
    theirs: Broken,
}

#[async_trait]
impl<const FLAW: usize> Signallers for OnBroken<FLAW> {
    const PATIENCE_MAX: Duration = Duration::from_millis(300);

    async fn start() -> Self {
        let clock = ManualClock::new();
        let broken = || {
            let inner = Store::signals(&Memory::with_clock(clock.clone()));
            Broken { inner, flaw: FLAWS[FLAW], told: Arc::default() }
        };
        let ours = broken();
        let theirs = if FLAWS[FLAW] == Flaw::MixesApplications { ours.clone() } else { broken() };
        Self { clock, ours, theirs }
    }

    fn here(&self) -> Arc<dyn Signals> {
        Arc::new(self.ours.clone())
    }

    fn there(&self) -> Arc<dyn Signals> {
        Arc::new(self.ours.clone())
    }

    fn elsewhere(&self) -> Arc<dyn Signals> {
        Arc::new(self.theirs.clone())
    }

    async fn pass(&self, time: Duration) {
        self.clock.wind(time);
    }
}

/// Whether a case fails on this subject. A case panics to fail; that is heard at the end of its task.
async fn fails<S: Signallers>(case: impl AsyncFn(&S) + Send + 'static) -> bool {
    tokio::task::LocalSet::new().run_until(async { tokio::task::spawn_local(signals::run(case)).await.is_err() }).await
}

macro_rules! caught {
    ($($test:ident: $flaw:ident by $case:ident;)*) => {
        $(#[tokio::test]
        async fn $test() {
            let caught = fails::<OnBroken<{ Flaw::$flaw as usize }>>(signals::$case).await;
            assert!(caught, "what has {:?} passes", Flaw::$flaw);
        })*
    };
}

caught! {
    what_believes_for_ever: BelievesForEver by a_worker_that_falls_silent_is_forgotten;
    what_keeps_the_first_heartbeat: KeepsTheFirst by a_heartbeat_takes_the_place_of_the_one_before;
    what_ignores_a_leave: IgnoresLeave by a_worker_that_takes_leave_is_gone_at_once;
    what_tells_nobody: TellsNobody by a_cancellation_reaches_all_who_listen;
    what_tells_later: TellsLater by a_cancellation_that_nobody_hears_is_not_kept;
    what_shows_applications_to_each_other: MixesApplications by applications_do_not_see_each_other;
    what_lets_applications_hear_each_other: MixesApplications by applications_do_not_hear_each_other;
}
