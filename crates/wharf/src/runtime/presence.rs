//! A worker among others: it tells that it is alive, and hears of what is no longer wanted.

use std::{
    fs, process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{broadcast, watch},
    task::JoinSet,
};
use uuid::Uuid;

use super::{Phase, Runtime};
use crate::{
    Error, Limits, Timestamp,
    ports::{Cancellation, Heartbeat},
};

/// The name under which heartbeats give signs of life.
pub(crate) const HEARTBEAT: &str = "wharf.heartbeat";
/// The name under which listening for cancellations does.
pub(crate) const SIGNALS: &str = "wharf.signals";

/// Cancellations that a pump may be behind. Beyond that it loses the oldest.
const BEHIND_MAX: usize = 1_024;
/// How long a worker that ends takes leave of the others: real time, as it guards against an answer that never comes.
const LEAVE_MAX: Duration = Duration::from_secs(1);

/// What a worker's pumps share with what speaks to other workers.
#[derive(Debug)]
pub(crate) struct Presence {
    /// Which worker this is.
    pub(crate) worker: Uuid,
    handling: AtomicU64,
    cancellations: broadcast::Sender<Cancellation>,
}

/// Counts a message as being handled until it is dropped.
#[derive(Debug)]
pub(crate) struct Handling(Arc<Presence>);

impl Default for Presence {
    fn default() -> Self {
        Self { worker: Uuid::now_v7(), handling: AtomicU64::new(0), cancellations: broadcast::Sender::new(BEHIND_MAX) }
    }
}

impl Presence {
    pub(crate) fn handle(self: &Arc<Self>) -> Handling {
        self.handling.fetch_add(1, Ordering::Relaxed);
        Handling(Arc::clone(self))
    }

    /// What pumps are told to cancel from now on.
    pub(crate) fn cancellations(&self) -> broadcast::Receiver<Cancellation> {
        self.cancellations.subscribe()
    }

    fn cancel(&self, cancellation: Cancellation) {
        // An error says that no pump runs.
        let _ = self.cancellations.send(cancellation);
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        self.0.handling.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who a worker is, as its heartbeats tell.
pub(crate) fn introduce(
    presence: &Presence,
    name: String,
    version: Option<String>,
    endpoints: Vec<String>,
    started_at: Timestamp,
) -> Heartbeat {
    Heartbeat {
        worker: presence.worker,
        name,
        host: host(),
        pid: process::id(),
        version,
        endpoints,
        started_at,
        handling: 0,
        is_draining: false,
    }
}

/// Tells now and then, and when the worker begins to stop, that it is alive. Nobody who does not hear of it holds it up.
pub(crate) async fn beat(
    runtime: Runtime,
    who: Arc<Heartbeat>,
    mut phase: watch::Receiver<Phase>,
) -> Result<(), Error> {
    let (clock, every, signals) = (&runtime.post.clock, runtime.limits.heartbeat_every, runtime.signals());
    let mut was_told = true;
    loop {
        let is_draining = *phase.borrow_and_update() > Phase::Running;
        let handling = runtime.presence.handling.load(Ordering::Relaxed);
        let beat = Heartbeat { handling, is_draining, ..Heartbeat::clone(&who) };
        let told = signals.beat(&beat, every * Limits::HEARTBEATS_MISSED_MAX).await;
        match &told {
            Ok(()) => {
                runtime.vitals.look(HEARTBEAT, clock.now(), every);
                if !was_told {
                    tracing::info!("other processes hear again that this worker is alive");
                }
            }
            Err(error) => {
                runtime.vitals.stumble(HEARTBEAT, clock.now());
                if was_told {
                    tracing::warn!(error = error.chain(), "other processes do not hear that this worker is alive");
                }
            }
        }
        was_told = told.is_ok();
        tokio::select! {
            changed = phase.changed() => if changed.is_err() { return Ok(()) },
            () = clock.sleep_until(clock.now() + every) => {}
        }
    }
}

/// Hears of cancellations and has the pumps look whether they hold what is meant.
pub(crate) async fn hear(runtime: Runtime) -> Result<(), Error> {
    let presence = Arc::clone(&runtime.presence);
    runtime.signals().listen(&move |cancellation| presence.cancel(cancellation)).await
}

/// Takes leave, so that nobody takes a worker that has ended for one that went silent. `beats` ends after the heartbeat that
/// is on its way: one that was heard of later would be believed.
pub(crate) async fn leave(runtime: &Runtime, who: &Heartbeat, mut beats: JoinSet<()>) {
    let leaving = async {
        while beats.join_next().await.is_some() {}
        runtime.signals().leave(who.worker).await
    };
    match tokio::time::timeout(LEAVE_MAX, leaving).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(error = error.chain(), "nobody heard that this worker has ended"),
        Err(_) => tracing::debug!("nobody heard within {LEAVE_MAX:?} that this worker has ended"),
    }
}

/// The machine's name: Linux says it in a file; elsewhere a variable may.
fn host() -> String {
    let told = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let told = told.or_else(|| ["HOSTNAME", "COMPUTERNAME"].into_iter().find_map(|name| std::env::var(name).ok()));
    told.map(|name| name.trim().to_owned()).unwrap_or_default()
}
