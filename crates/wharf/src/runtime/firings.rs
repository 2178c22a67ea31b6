//! Schedules that are due at one moment are fired together. A thousand that went to the database each by itself would keep
//! everybody else from it.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::Runtime;
use crate::{
    Code, Error, Tenant,
    ports::{Tick, Ticked},
};

/// So many in one commit.
const TOGETHER_MAX: usize = 100;
/// How long it may take. Then each is fired by itself, and from then on the one that hangs, so that it does not halt the others.
const TOGETHER_FOR: Duration = Duration::from_secs(2);
/// So many at once that are fired by themselves.
const ALONE_MAX: usize = 2;

/// What fires the schedules of a worker.
#[derive(Debug)]
pub(crate) struct Firings {
    ask: mpsc::UnboundedSender<Asked>,
    asked: tokio::sync::Mutex<mpsc::UnboundedReceiver<Asked>>,
    alone: Semaphore,
    /// Of those that were to be fired alone, which have not yet been: one of them hangs, perhaps.
    suspects: Mutex<HashSet<Schedule>>,
}

type Schedule = (Tenant, Arc<str>);

#[derive(Debug)]
struct Asked {
    tick: Tick,
    tell: oneshot::Sender<Answer>,
}

#[derive(Debug)]
enum Answer {
    Fired(Option<Ticked>),
    Failed(Error),
    /// With others it could not be fired, perhaps for their sake.
    FireAlone,
}

impl Firings {
    pub(crate) fn new() -> Arc<Self> {
        let (ask, asked) = mpsc::unbounded_channel();
        Arc::new(Self {
            ask,
            asked: tokio::sync::Mutex::new(asked),
            alone: Semaphore::new(ALONE_MAX),
            suspects: Mutex::default(),
        })
    }

    /// Fires one with those others that are due.
    pub(crate) async fn fire(&self, runtime: &Runtime, tick: Tick) -> Result<Option<Ticked>, Error> {
        let schedule = (tick.tenant.clone(), Arc::clone(&tick.name));
        if self.suspects().contains(&schedule) {
            return self.fire_alone(runtime, tick).await;
        }
        let (tell, told) = oneshot::channel();
        let _ = self.ask.send(Asked { tick: tick.clone(), tell });
        match told.await {
            Ok(Answer::Fired(ticked)) => Ok(ticked),
            Ok(Answer::Failed(error)) => Err(error),
            // What fires them together panicked, and begins anew.
            Ok(Answer::FireAlone) | Err(_) => {
                self.suspects().insert(schedule);
                self.fire_alone(runtime, tick).await
            }
        }
    }

    async fn fire_alone(&self, runtime: &Runtime, tick: Tick) -> Result<Option<Ticked>, Error> {
        let _alone = self.alone.acquire().await;
        let ticked = runtime.engine.fire_schedule(&tick.tenant, &tick.name, &tick.outgoing).await?;
        self.suspects().remove(&(tick.tenant, tick.name));
        Ok(ticked)
    }

    fn suspects(&self) -> MutexGuard<'_, HashSet<Schedule>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fires together what its schedules ask for.
    pub(crate) async fn serve(&self, runtime: &Runtime) -> Result<(), Error> {
        let mut asked = self.asked.lock().await;
        let mut together = Vec::new();
        while asked.recv_many(&mut together, TOGETHER_MAX).await > 0 {
            let (ticks, told): (Vec<_>, Vec<_>) = together.drain(..).map(|asked| (asked.tick, asked.tell)).unzip();
            let answers = fire(runtime, &ticks).await;
            for (tell, answer) in told.into_iter().zip(answers) {
                // Who waits no longer looks again by itself.
                let _ = tell.send(answer);
            }
        }
        Ok(())
    }
}

/// The answers to these, in their order.
async fn fire(runtime: &Runtime, ticks: &[Tick]) -> Vec<Answer> {
    let clock = &runtime.post.clock;
    let error = tokio::select! {
        biased;
        fired = runtime.engine.fire_schedules(ticks) => match fired {
            Ok(ticked) => return ticked.into_iter().map(Answer::Fired).collect(),
            Err(error) => Some(error),
        },
        () = clock.sleep_until(clock.now() + TOGETHER_FOR) => None,
    };
    let is_away = |error: &Error| error.code() == Code::ENGINE_UNREACHABLE;
    match error {
        Some(error) if ticks.len() == 1 => vec![Answer::Failed(error)],
        Some(error) if is_away(&error) => {
            tracing::error!(schedules = ticks.len(), error = error.chain(), "schedules could not be fired");
            let each = || Answer::Failed(Error::new(Code::ENGINE_UNREACHABLE, "could not fire it with the others"));
            ticks.iter().map(|_| each()).collect()
        }
        Some(_) | None => ticks.iter().map(|_| Answer::FireAlone).collect(),
    }
}
