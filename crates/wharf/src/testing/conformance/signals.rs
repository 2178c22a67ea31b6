//! One suite for whatever carries signals, as two processes use it.
//!
//! ```text
//! struct OnMySignals { .. }
//! impl Signallers for OnMySignals { .. }
//! wharf::conformance_signals!(OnMySignals);
//! ```

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::{sync::mpsc, task::JoinHandle};
use uuid::Uuid;

use super::CASE_DURATION_MAX;
use crate::{
    Heartbeat, Tenant, Timestamp,
    ports::{Cancellation, Signals},
};

/// What carries signals, as two processes and a stranger hold it.
#[async_trait]
pub trait Signallers: Send + Sync + Sized + 'static {
    /// How long something is waited for that is told, or asked for, again and again. Real time.
    const PATIENCE_MAX: Duration = Duration::from_secs(20);

    /// Nobody was ever heard of.
    async fn start() -> Self;

    /// As one process holds it.
    fn here(&self) -> Arc<dyn Signals>;

    /// As another process of the same application holds it.
    fn there(&self) -> Arc<dyn Signals>;

    /// As another application holds it, at the same place if it can be shared.
    fn elsewhere(&self) -> Arc<dyn Signals>;

    /// Lets so much time pass, if it is told the time; nothing, if it knows the time itself.
    async fn pass(&self, time: Duration);

    /// Waits until what was told before has arrived `here`, if it does so though nobody listens.
    async fn arrive(&self) {}

    /// Closes it and removes what it left behind.
    async fn stop(self) {}
}

/// For as long as the suite takes to look.
const LONG: Duration = Duration::from_secs(3600);
/// So short that it may be over as soon as it began.
const SHORT: Duration = Duration::from_millis(50);
/// How long one telling has to arrive before the next.
const ONE_TELLING_MAX: Duration = Duration::from_millis(200);

#[doc(hidden)]
pub async fn run<S: Signallers>(case: impl AsyncFn(&S)) {
    let signallers = S::start().await;
    tokio::time::timeout(CASE_DURATION_MAX, case(&signallers)).await.expect("the case hangs");
    signallers.stop().await;
}

fn heartbeat(started_at: i64) -> Heartbeat {
    Heartbeat {
        worker: Uuid::now_v7(),
        name: "worker".to_owned(),
        host: "håns".to_owned(),
        pid: 4711,
        version: Some("1.2.3".to_owned()),
        endpoints: vec!["order-saga".to_owned(), "payment".to_owned()],
        started_at: Timestamp::from_micros(started_at),
        handling: 7,
        is_draining: false,
    }
}

/// One who hears of cancellations, as a worker does.
struct Ear {
    heard: mpsc::UnboundedReceiver<Cancellation>,
    listens: JoinHandle<()>,
    patience_max: Duration,
}

impl Ear {
    fn of<S: Signallers>(signals: Arc<dyn Signals>) -> Self {
        let (tell, heard) = mpsc::unbounded_channel();
        let listens = tokio::spawn(async move {
            let ended = signals.listen(&move |cancellation| drop(tell.send(cancellation))).await;
            ended.expect("whoever listens is connected");
        });
        Self { heard, listens, patience_max: S::PATIENCE_MAX }
    }

    /// What it heard until it heard this, which is told again and again, as only who listens already hears it.
    async fn hears(&mut self, teller: &dyn Signals, cancellation: &Cancellation) -> Vec<Cancellation> {
        let (began, mut heard) = (Instant::now(), Vec::new());
        loop {
            teller.cancel(cancellation).await.unwrap();
            while let Ok(told) = tokio::time::timeout(ONE_TELLING_MAX, self.heard.recv()).await {
                let told = told.expect("it listens");
                if told == *cancellation {
                    return heard;
                }
                heard.push(told);
            }
            assert!(began.elapsed() < self.patience_max, "{cancellation:?} was never heard, but {heard:?}");
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.listens.abort();
    }
}

fn cancellation() -> Cancellation {
    Cancellation { tenant: Tenant::default(), message: Uuid::now_v7() }
}

pub async fn it_answers<S: Signallers>(signallers: &S) {
    signallers.here().ping().await.unwrap();
}

pub async fn a_heartbeat_is_seen_by_all_processes<S: Signallers>(signallers: &S) {
    assert_eq!(signallers.here().workers().await.unwrap(), []);
    let (first, second) = (heartbeat(1), heartbeat(2));
    signallers.there().beat(&second, LONG).await.unwrap();
    signallers.here().beat(&first, LONG).await.unwrap();

    for signals in [signallers.here(), signallers.there()] {
        assert_eq!(signals.workers().await.unwrap(), [first.clone(), second.clone()]);
    }
}

pub async fn a_heartbeat_takes_the_place_of_the_one_before<S: Signallers>(signallers: &S) {
    let before = heartbeat(1);
    let after = Heartbeat { handling: 0, is_draining: true, ..before.clone() };
    signallers.here().beat(&before, LONG).await.unwrap();
    signallers.here().beat(&after, LONG).await.unwrap();

    assert_eq!(signallers.there().workers().await.unwrap(), [after]);
}

pub async fn a_worker_that_falls_silent_is_forgotten<S: Signallers>(signallers: &S) {
    let (silent, alive) = (heartbeat(1), heartbeat(2));
    signallers.here().beat(&silent, SHORT).await.unwrap();
    signallers.here().beat(&alive, SHORT).await.unwrap();
    signallers.here().beat(&alive, LONG).await.unwrap();
    signallers.pass(SHORT).await;

    let began = Instant::now();
    while signallers.there().workers().await.unwrap() != [alive.clone()] {
        assert!(began.elapsed() < S::PATIENCE_MAX, "it is still believed");
    }
    // One who comes to itself again is heard of again.
    signallers.here().beat(&silent, LONG).await.unwrap();
    assert_eq!(signallers.there().workers().await.unwrap(), [silent, alive]);
}

pub async fn a_worker_that_takes_leave_is_gone_at_once<S: Signallers>(signallers: &S) {
    let (ends, stays) = (heartbeat(1), heartbeat(2));
    for beat in [&ends, &stays] {
        signallers.here().beat(beat, LONG).await.unwrap();
    }
    signallers.here().leave(ends.worker).await.unwrap();
    assert_eq!(signallers.there().workers().await.unwrap(), [stays]);
    signallers.here().leave(ends.worker).await.unwrap();
}

pub async fn applications_do_not_see_each_other<S: Signallers>(signallers: &S) {
    signallers.elsewhere().beat(&heartbeat(1), LONG).await.unwrap();
    assert_eq!(signallers.here().workers().await.unwrap(), []);
}

pub async fn a_cancellation_reaches_all_who_listen<S: Signallers>(signallers: &S) {
    let (mut here, mut there) = (Ear::of::<S>(signallers.here()), Ear::of::<S>(signallers.there()));
    for teller in [signallers.here(), signallers.there()] {
        let told = Cancellation { tenant: Tenant::new("acme"), ..cancellation() };
        here.hears(&*teller, &told).await;
        there.hears(&*teller, &told).await;
    }
}

pub async fn a_cancellation_that_nobody_hears_is_not_kept<S: Signallers>(signallers: &S) {
    let missed = cancellation();
    signallers.there().cancel(&missed).await.unwrap();
    signallers.arrive().await;
    let mut ear = Ear::of::<S>(signallers.here());
    assert!(!ear.hears(&*signallers.there(), &cancellation()).await.contains(&missed));
}

pub async fn applications_do_not_hear_each_other<S: Signallers>(signallers: &S) {
    let mut ear = Ear::of::<S>(signallers.here());
    ear.hears(&*signallers.there(), &cancellation()).await;
    let foreign = cancellation();
    signallers.elsewhere().cancel(&foreign).await.unwrap();
    assert!(!ear.hears(&*signallers.there(), &cancellation()).await.contains(&foreign));
}

/// Makes a test of every case for what carries signals, a
/// [`Signallers`](crate::testing::conformance::signals::Signallers).
#[macro_export]
macro_rules! conformance_signals {
    ($signallers:ty) => {
        $crate::conformance_signals! { $signallers:
            it_answers,
            a_heartbeat_is_seen_by_all_processes,
            a_heartbeat_takes_the_place_of_the_one_before,
            a_worker_that_falls_silent_is_forgotten,
            a_worker_that_takes_leave_is_gone_at_once,
            applications_do_not_see_each_other,
            a_cancellation_reaches_all_who_listen,
            a_cancellation_that_nobody_hears_is_not_kept,
            applications_do_not_hear_each_other,
        }
    };
    ($signallers:ty: $($case:ident,)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                use $crate::testing::conformance::signals;
                signals::run::<$signallers>(signals::$case).await;
            }
        )*
    };
}
