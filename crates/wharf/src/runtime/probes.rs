//! Files that tell whoever watches a process without asking it: it lives, and it is ready.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Runtime;
use crate::{Client, Code, Error, Status, Timestamp};

/// The name under which they give signs of life.
pub(crate) const PROBES: &str = "wharf.probes";
/// How often they are written.
pub(crate) const PROBE_EVERY: Duration = Duration::from_secs(30);

/// The two files. Dropping it removes them, so that a process that has ended leaves none; of one that was killed they grow
/// old.
#[derive(Debug)]
pub(crate) struct Probes {
    live: PathBuf,
    ready: PathBuf,
    /// How far its worker has come. A write that is under way ends before that changes.
    stage: Mutex<Stage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Working,
    Draining,
    Over,
}

impl Probes {
    /// Takes a directory for its own, which is made if need be. What another process left there is gone.
    pub(crate) fn within(directory: &Path) -> Result<Self, Error> {
        let (live, ready) = (directory.join("live"), directory.join("ready"));
        let probes = Self { live, ready, stage: Mutex::new(Stage::Working) };
        let taken = fs::create_dir_all(directory).and_then(|()| {
            fs::write(&probes.live, "starting\n")?;
            absent(&probes.ready)
        });
        taken.map_err(|error| {
            let message = format!("probe files cannot be written to `{}`", directory.display());
            Error::new(Code::PROBES_UNWRITABLE, message).caused_by(error)
        })?;
        Ok(probes)
    }

    /// From now on it takes nothing in.
    pub(crate) fn drain(&self) {
        *self.stage() = Stage::Draining;
        tell(absent(&self.ready));
    }

    /// It has ended.
    pub(crate) fn remove(&self) {
        *self.stage() = Stage::Over;
        tell(absent(&self.ready));
        tell(absent(&self.live));
    }

    fn write(&self, now: Timestamp, is_ready: bool) -> io::Result<()> {
        let stage = self.stage();
        let beat = format!("{}\n", now.as_micros() / 1_000_000);
        if *stage < Stage::Over {
            fs::write(&self.live, &beat)?;
        }
        if is_ready && *stage == Stage::Working { fs::write(&self.ready, &beat) } else { absent(&self.ready) }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes them now and then. That `live` is written says that the runtime turns.
pub(crate) async fn probe(runtime: Runtime, probes: Arc<Probes>) -> Result<(), Error> {
    let (client, clock) = (Client::new(runtime.clone(), PROBES), &runtime.post.clock);
    loop {
        let now = clock.now();
        let is_ready = client.health().await.status() != Status::Down;
        let files = Arc::clone(&probes);
        // A disk that hangs holds up no other task.
        if let Ok(written) = tokio::task::spawn_blocking(move || files.write(now, is_ready)).await {
            tell(written);
        }
        runtime.vitals.look(PROBES, now, PROBE_EVERY);
        clock.sleep_until(now + PROBE_EVERY).await;
    }
}

fn absent(file: &Path) -> io::Result<()> {
    fs::remove_file(file).or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn tell(done: io::Result<()>) {
    if let Err(error) = done {
        tracing::warn!(%error, "probe files cannot be written");
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.remove();
    }
}
