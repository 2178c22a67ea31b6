//! The runtime of a saga: find the instance, let it decide, apply what it said, all in the delivery's transaction.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use serde::Serialize;

use super::{Next, Recorder, Saga, Start, Step, TimerChange, read_stored, state_name};
use crate::{
    Bus, Code, Delivery, Error, Key, Kind, Message, Trail, Tx,
    context::Context,
    extract::read,
    failure::{Failure, Result, Verdict},
    guard::admitted,
    handler::Consumer,
    ports::{SagaId, SagaRow, TimerArm, TimerFiring},
    tx::SlotOwner,
};

/// A saga with the messages that are its events and the recorder that writes its changes.
///
/// ```text
/// SagaConsumer::new(Fulfilment, recorder)
///     .on(Event::Validated)          // from OrderValidated, the variant's one field
///     .on(Event::InventoryReserved)
/// ```
pub struct SagaConsumer<S: Saga> {
    saga: Arc<S>,
    recorder: Arc<dyn Recorder<S>>,
    subscriptions: Vec<Subscription<S>>,
}

struct Subscription<S: Saga> {
    message: (&'static str, u16, Kind),
    read: Arc<Read<S::Event>>,
}

/// Finds in a delivery which instance it is for and what happened to it.
type Read<Event> = dyn Fn(&Context) -> Result<(Key, Event)> + Send + Sync;

impl<S: Saga> SagaConsumer<S> {
    /// A saga, and what writes its changes.
    pub fn new(saga: S, recorder: impl Recorder<S>) -> Self {
        Self { saga: Arc::new(saga), recorder: Arc::new(recorder), subscriptions: Vec::new() }
    }

    /// Listens to a message: its key finds the instance, `event` makes it an event of the saga.
    #[must_use]
    pub fn on<M: Message>(mut self, event: impl Fn(M) -> S::Event + Send + Sync + 'static) -> Self {
        let read = move |context: &Context| {
            let message: M = read(context)?;
            Ok((message.key(), event(message)))
        };
        self.subscriptions.push(Subscription { message: (M::NAME, M::VERSION, M::KIND), read: Arc::new(read) });
        self
    }

    pub(crate) fn consumers(self, endpoint: &Arc<str>) -> Vec<Consumer> {
        // Whether they take turns may be said after this; each delivery knows.
        let endpoint_name = Arc::clone(endpoint);
        let runner = Runner { endpoint: endpoint_name, takes_turns: false, saga: self.saga, recorder: self.recorder };
        let id = format!("{endpoint}/{}", S::NAME);
        let events = self.subscriptions.into_iter().map(|subscription| {
            let runner = runner.clone();
            Consumer::raw(&id, subscription.message, move |context| {
                let read = (subscription.read)(context);
                runner.run(context, read.map(|(key, event)| (key, Happening::Event(event))))
            })
        });
        let mut consumers: Vec<_> = events.collect();
        let timers = runner.clone();
        consumers.push(Consumer::raw(&id, (TimerFiring::NAME, 1, Kind::Command), move |context| {
            let key = context.delivery.envelope.key.clone();
            let read = read_firing(context).map(|firing| (key, Happening::Timer(firing)));
            timers.run(context, read)
        }));
        consumers
    }
}

struct Runner<S: Saga> {
    endpoint: Arc<str>,
    /// Whether deliveries of the endpoint take turns.
    takes_turns: bool,
    saga: Arc<S>,
    recorder: Arc<dyn Recorder<S>>,
}

impl<S: Saga> Clone for Runner<S> {
    fn clone(&self) -> Self {
        let Self { endpoint, takes_turns, saga, recorder } = self;
        let (endpoint, saga, recorder) = (Arc::clone(endpoint), Arc::clone(saga), Arc::clone(recorder));
        Self { endpoint, takes_turns: *takes_turns, saga, recorder }
    }
}

enum Happening<Event> {
    Event(Event),
    Timer(TimerFiring),
}

impl<S: Saga> Runner<S> {
    fn run(&self, context: &Context, read: Result<(Key, Happening<S::Event>)>) -> BoxFuture<'static, Result> {
        let context = context.clone();
        let runner = Self { takes_turns: context.takes_turns, ..self.clone() };
        Box::pin(async move {
            let (key, happening) = read?;
            admitted(&context, &key).await?;
            runner.decide(&context.slot, &context.bus, &context.delivery, key, happening).await
        })
    }

    async fn decide(
        &self,
        slot: &SlotOwner,
        bus: &Bus,
        delivery: &Delivery,
        key: Key,
        happening: Happening<S::Event>,
    ) -> Result {
        let mut tx = slot.lend()?;
        let id = SagaId { tenant: tx.tenant(), saga: Arc::from(S::NAME), key };
        let row = tx.open().await?.saga(&id).await?;
        let event = match happening {
            Happening::Event(event) => event,
            Happening::Timer(firing) => match self.current(&mut tx, &id, &firing).await? {
                Some(timer) => timer.into(),
                None => {
                    tracing::debug!(saga = S::NAME, key = %id.key, timer = firing.timer, "stale timer ignored");
                    return Ok(());
                }
            },
        };
        let (revision, mut facts, step, state_before) = match &row {
            Some(row) => {
                let (mut facts, state) = read_stored::<S>(row)?;
                let step = self.saga.step(&mut facts, state.clone(), event);
                (row.revision + 1, facts, step, Some((state, row.finished)))
            }
            None => match self.saga.start(event) {
                Start::Begin { facts, step } => (1, facts, step, None),
                Start::TooEarly => {
                    let name = &delivery.envelope.name;
                    let message = format!("`{name}` came for {} of saga `{}`, which does not exist", id.key, S::NAME);
                    return Err(Failure::coded(Verdict::Retry, Error::new(Code::SAGA_NOT_STARTED, message)));
                }
            },
        };
        if let Some(row) = &row
            && step.is_nothing()
            && row.version == S::VERSION
            && is_stored_in(row, &facts)?
        {
            return Ok(());
        }
        self.apply(&mut tx, bus, id, revision, &mut facts, step, state_before).await
    }

    /// The timer that fired, if it is still the one that is armed. It is then used up.
    async fn current(&self, tx: &mut Tx, id: &SagaId, firing: &TimerFiring) -> Result<Option<S::Timer>> {
        let transaction = tx.open().await?;
        if transaction.timer(id, &firing.timer).await? != Some(firing.generation) {
            return Ok(None);
        }
        transaction.disarm(id, &firing.timer).await?;
        let timer = serde_json::from_value(serde_json::Value::from(firing.timer.as_str()));
        Ok(Some(timer.map_err(|error| {
            let message = format!("saga `{}` of {} knows no timer `{}`", S::NAME, id.key, firing.timer);
            Failure::coded(Verdict::Retry, Error::new(Code::SAGA_UNREADABLE, message).caused_by(error))
        })?))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one decision, each used once")]
    async fn apply(
        &self,
        tx: &mut Tx,
        bus: &Bus,
        id: SagaId,
        revision: i64,
        facts: &mut S::Facts,
        step: Step<S>,
        before: Option<(S::State, bool)>,
    ) -> Result {
        let (state, finished) = match (step.next, before) {
            (Next::To(state), _) => (state, false),
            (Next::Finish(state), _) => (state, true),
            (Next::Stay, Some((state, finished))) => (state, finished),
            (Next::Stay, None) => {
                let message = format!("saga `{}` began without going to a state", S::NAME);
                return Err(Failure::coded(Verdict::DeadLetter, Error::new(Code::SAGA_UNREADABLE, message)));
            }
        };
        let json = written(&state)?;
        let row = SagaRow {
            id: id.clone(),
            revision,
            version: S::VERSION,
            state_name: state_name(&json),
            state: json.to_string(),
            facts: written(facts)?.to_string(),
            finished,
        };
        tx.open().await?.save_saga(&row).await?;
        for change in step.changes {
            self.recorder.record(tx, facts, change).await?;
        }
        for change in step.timers {
            match change {
                // A finished instance has none.
                TimerChange::Arm(..) if finished => {}
                TimerChange::Arm(timer, delay) => {
                    let (name, trail): (_, Trail) = (timer_name(timer)?, bus.trail().clone());
                    let (saga, endpoint) = (id.clone(), bus.way_to(&self.endpoint));
                    let takes_turns = bus.takes_turns_on_the_way(self.takes_turns);
                    let arm = TimerArm { saga, name, generation: revision, delay, endpoint, takes_turns, trail };
                    tx.open().await?.arm(&arm).await?;
                }
                TimerChange::Disarm(timer) => {
                    tx.open().await?.disarm(&id, &timer_name(timer)?).await?;
                }
            }
        }
        for message in &step.messages {
            bus.post(message);
        }
        Ok(())
    }
}

fn read_firing(context: &Context) -> Result<TimerFiring> {
    serde_json::from_str(&context.delivery.body).map_err(|error| {
        let error = Error::new(Code::BODY_UNREADABLE, "the body is no timer firing").caused_by(error);
        Failure::coded(Verdict::DeadLetter, error)
    })
}

/// Whether the row holds these facts already. Compared as values: the order of fields says nothing.
fn is_stored_in<Facts: Serialize>(row: &SagaRow, facts: &Facts) -> Result<bool> {
    let stored: Option<serde_json::Value> = serde_json::from_str(&row.facts).ok();
    Ok(stored == Some(written(facts)?))
}

fn written<T: Serialize>(value: &T) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(|error| {
        let error = Error::new(Code::BODY_UNWRITABLE, "a saga's state could not be written as JSON").caused_by(error);
        Failure::coded(Verdict::DeadLetter, error)
    })
}

fn timer_name<T: Serialize + fmt::Debug>(timer: T) -> Result<String> {
    let name = written(&timer)?;
    let unit = name.as_str().map(str::to_owned);
    unit.ok_or_else(|| Failure::dead_letter(format!("a saga's timers are unit variants, not {name}")))
}

impl<S: Saga> fmt::Debug for SagaConsumer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SagaConsumer").field("saga", &S::NAME).finish_non_exhaustive()
    }
}
