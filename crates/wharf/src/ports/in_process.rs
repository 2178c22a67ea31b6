//! Signals within one process, for engines that live in one.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::broadcast::{self, error::RecvError};
use uuid::Uuid;

use super::{Cancellation, Hear, Heartbeat, Signals};
use crate::{Clock, Error, Timestamp};

/// Cancellations that a listener may be behind. Beyond that it loses the oldest.
const BEHIND_MAX: usize = 1_024;

/// Carries signals between the workers and clients of one process.
pub struct InProcess {
    clock: Arc<dyn Clock>,
    /// The last heartbeat of each worker, and until when it is believed.
    beats: Mutex<HashMap<Uuid, (Heartbeat, Timestamp)>>,
    cancellations: broadcast::Sender<Cancellation>,
}

impl InProcess {
    /// Heartbeats grow old by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, beats: Mutex::default(), cancellations: broadcast::Sender::new(BEHIND_MAX) }
    }

    /// The heartbeats that are still believed; the others are forgotten.
    fn believed(&self) -> MutexGuard<'_, HashMap<Uuid, (Heartbeat, Timestamp)>> {
        let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        beats.retain(|_, (_, until)| *until > now);
        beats
    }
}

#[async_trait]
impl Signals for InProcess {
    async fn beat(&self, beat: &Heartbeat, believed_for: Duration) -> Result<(), Error> {
        self.believed().insert(beat.worker, (beat.clone(), self.clock.now() + believed_for));
        Ok(())
    }

    async fn leave(&self, worker: Uuid) -> Result<(), Error> {
        self.believed().remove(&worker);
        Ok(())
    }

    async fn workers(&self) -> Result<Vec<Heartbeat>, Error> {
        let mut beats: Vec<_> = self.believed().values().map(|(beat, _)| beat.clone()).collect();
        beats.sort_unstable_by_key(Heartbeat::rank);
        Ok(beats)
    }

    async fn cancel(&self, cancellation: &Cancellation) -> Result<(), Error> {
        // An error says that nobody listens.
        let _ = self.cancellations.send(cancellation.clone());
        Ok(())
    }

    async fn listen(&self, hear: &Hear) -> Result<(), Error> {
        let mut told = self.cancellations.subscribe();
        loop {
            match told.recv().await {
                Ok(cancellation) => hear(cancellation),
                Err(RecvError::Lagged(lost)) => tracing::warn!(lost, "cancellations came faster than they were heard"),
                // We hold the sender.
                Err(RecvError::Closed) => return Ok(()),
            }
        }
    }

    async fn ping(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess").finish_non_exhaustive()
    }
}
