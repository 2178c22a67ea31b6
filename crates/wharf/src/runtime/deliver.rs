//! One delivery from claim to settlement: run the handler, judge its answer, settle.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use futures_util::FutureExt;

use super::{
    Runtime,
    inbox::done,
    reporting::{close, note_failure},
};
use crate::{
    Arrival, Bus, Cancel, CancelReason, Code, Delivery, Error, Outgoing, Run,
    context::Context,
    endpoint::EndpointDefinition,
    failure::{Failure, Result, Verdict},
    handler::Consumer,
    layer::{Layers, not_admitted},
    outside::watched,
    ports::{Ending, Outcome, Receipt, Round, Settlement, Transaction, Turns},
    retry::Next,
    tx::SlotOwner,
};

/// For how long a delivery waits whose handler found the engine away.
const ENGINE_PAUSE: Duration = Duration::from_secs(1);

/// How a delivery ended.
#[derive(Debug)]
pub(crate) enum Delivered {
    /// Committed together with the handler's own transaction, and with what it sent.
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "only the harness writes a transcript of it"))]
    Committed(Vec<Outgoing>),
    /// The lease was no longer ours; nothing of it happened.
    Stale,
    /// Committed in the store with what it sent; the transport is still to be told.
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "only the harness writes a transcript of it"))]
    Noted(Settlement, Vec<Outgoing>),
    /// A copy of what had ended before; nothing of it happened, and the transport is still to be told.
    Repeated(Settlement),
    /// Still to be settled, in a batch with others.
    Unsettled(Settlement),
    /// The handler failed; still to be settled.
    Failed(Settlement, Failure),
}

/// Handles a delivery, immediate retries included.
pub(crate) async fn deliver(
    runtime: &Runtime,
    endpoint: &EndpointDefinition,
    delivery: Arc<Delivery>,
    cancel: Cancel,
) -> Delivered {
    let Some(run) = runtime.run_of(endpoint, &delivery, &cancel) else {
        return handle(runtime, endpoint, &delivery, &cancel, None).await;
    };
    match handle(runtime, endpoint, &delivery, &cancel, Some(&run)).await {
        Delivered::Unsettled(settlement) if settlement.outcome != Outcome::Done => {
            Delivered::Unsettled(close(&run, settlement))
        }
        Delivered::Failed(settlement, failure) => Delivered::Failed(close(&run, settlement), failure),
        told @ (Delivered::Committed(_)
        | Delivered::Stale
        | Delivered::Noted(..)
        | Delivered::Repeated(_)
        | Delivered::Unsettled(_)) => told,
    }
}

/// The same, without what becomes of it where it is the run of a job.
async fn handle(
    runtime: &Runtime,
    endpoint: &EndpointDefinition,
    delivery: &Arc<Delivery>,
    cancel: &Cancel,
    run: Option<&Run>,
) -> Delivered {
    if delivery.is_expired {
        return Delivered::Unsettled(expired(endpoint, delivery));
    }
    if delivery.envelope.crashes >= runtime.limits.crashes_max {
        return Delivered::Unsettled(quarantined(endpoint, delivery));
    }
    if let Some(outcome) = runtime.too_old(delivery) {
        tracing::error!(endpoint = &*endpoint.name, id = %delivery.envelope.id, ?outcome, "message is too old");
        return Delivered::Unsettled(Settlement::new(delivery.lease, outcome));
    }
    if cancel.reason() == Some(CancelReason::User) {
        return Delivered::Unsettled(cancelled_unrun(endpoint, delivery));
    }
    let Some(consumer) = endpoint.consumers.iter().find(|consumer| consumer.accepts(&delivery.envelope)) else {
        return Delivered::Unsettled(unknown(runtime, delivery));
    };
    let mut failed_attempts = delivery.envelope.attempt;
    let mut alone = false;
    loop {
        let run = run.map(|run| run.in_attempt(failed_attempts + 1, cancel));
        let failed_before = failed_attempts;
        let this = Attempt { consumer, cancel, run: run.clone(), failed_attempts, alone };
        let failure = match attempt(runtime, endpoint, delivery, this).await {
            Ok(delivered) => return delivered,
            Err(failure) => failure,
        };
        // It shared its commit in vain. By itself it can only fail of its own.
        if failure.code() == Code::SHARED_COMMIT_LOST && !alone && cancel.reason().is_none() {
            tracing::debug!(endpoint = &*endpoint.name, error = %failure, "run again by itself");
            alone = true;
            continue;
        }
        let failure = if endpoint.judges_permanent(&failure) { failure.made_permanent() } else { failure };
        let is_cancelled = cancel.reason() == Some(CancelReason::User) && failure.verdict() != Verdict::DeadLetter;
        let failure = if is_cancelled { failure.of_cancelling() } else { failure };
        let outcome = match failure.verdict() {
            Verdict::DeadLetter if is_cancelled => dead_letter(&failure, failed_attempts),
            Verdict::Snooze(delay) => Outcome::Return { delay },
            Verdict::DeadLetter => dead_letter(&failure, failed_attempts + 1),
            Verdict::Retry if cancel.reason().is_some() => Outcome::Return { delay: Duration::ZERO },
            Verdict::Retry if let Some(delay) = engine_pause(runtime, delivery, &failure) => Outcome::Unknown { delay },
            Verdict::Retry if let Some(delay) = deploy_pause(runtime, delivery, &failure) => Outcome::Unknown { delay },
            Verdict::Retry => {
                failed_attempts += 1;
                match endpoint.retry.after(failed_attempts, delivery.envelope.id) {
                    Next::Now => continue,
                    Next::After(delay) => Outcome::Retry { delay, attempt: failed_attempts },
                    Next::GiveUp => match pause_before_start(runtime, delivery, &failure) {
                        Some(delay) => Outcome::Unknown { delay },
                        None => dead_letter(&failure, failed_attempts),
                    },
                }
            }
        };
        log_failure(endpoint, &consumer.id, delivery, &failure, &outcome);
        run.inspect(|run| note_failure(run, failed_before + 1, &failure, &outcome));
        let settlement = Settlement::new(delivery.lease, outcome);
        return Delivered::Failed(settlement, failure);
    }
}

/// What one call of a handler is made with.
struct Attempt<'a> {
    consumer: &'a Consumer,
    cancel: &'a Cancel,
    /// Of a job.
    run: Option<Run>,
    /// Before this one.
    failed_attempts: u32,
    /// Whether it may not share its commit.
    alone: bool,
}

/// One call of the handler. `Err` is the handler's verdict, or why it could not be committed.
async fn attempt(
    runtime: &Runtime,
    endpoint: &EndpointDefinition,
    delivery: &Arc<Delivery>,
    Attempt { consumer, cancel, run, failed_attempts, alone }: Attempt<'_>,
) -> Result<Delivered> {
    let envelope = &delivery.envelope;
    let tx_open = Arc::new(AtomicBool::new(false));
    let trail = envelope.trail.follow(envelope.id, Arc::clone(&consumer.id));
    let slot = if alone { SlotOwner::alone } else { SlotOwner::new };
    let context = Context {
        delivery: Arc::clone(delivery),
        failed_attempts,
        takes_turns: endpoint.turns != Turns::Free,
        slot: slot(Arc::clone(&runtime.engine), envelope.tenant.clone(), Arc::clone(&tx_open)),
        bus: Bus::new(Arc::clone(&runtime.post), envelope.tenant.clone(), trail),
        cancel: run.as_ref().map_or(cancel, Run::cancel).clone(),
        guard: endpoint.guard.clone(),
        run,
    };
    let answer = match &context.run {
        None => call(runtime, endpoint, consumer, &context, tx_open).await,
        Some(run) => {
            run.begin();
            let call = call(runtime, endpoint, consumer, &context, tx_open);
            let filtered = runtime.jobs.filters.around(run, &*runtime.post.clock, call);
            runtime.reporting(delivery.lease, run, filtered).await
        }
    };
    let transaction = context.slot.take_back();
    let outgoing = answer.and_then(|()| context.bus.take());
    let success = match &context.run {
        Some(run) if outgoing.is_ok() => run.success(runtime.limits.body_size_max_bytes).map(Some),
        Some(_) | None => Ok(None),
    };
    let (outgoing, success) = match success {
        Ok(success) => (outgoing, success),
        Err(error) => (Err(Failure::coded(Verdict::DeadLetter, error)), None),
    };
    match (outgoing, transaction?) {
        (Ok(outgoing), Some(transaction)) if runtime.via.is_some() => {
            note(&endpoint.name, delivery, transaction, outgoing).await
        }
        (Ok(outgoing), Some(mut transaction)) => {
            if let Some(success) = success {
                transaction.report(delivery.lease, &success).await?;
            }
            match transaction.settle(delivery.lease, &outgoing).await? {
                true => Ok(Delivered::Committed(outgoing)),
                false => Ok(Delivered::Stale),
            }
        }
        (Ok(outgoing), None) => {
            let mut settlement = Settlement::new(delivery.lease, Outcome::Done).sending(outgoing);
            settlement.report = success.map(Box::new);
            Ok(Delivered::Unsettled(settlement))
        }
        (Err(failure), transaction) => {
            let by_sharing = transaction.as_ref().is_some_and(|open| open.is_price_of_sharing(failure.error()));
            let failure = if by_sharing { failure.of_sharing() } else { failure };
            if let Some(transaction) = transaction
                && let Err(error) = transaction.rollback().await
            {
                tracing::warn!(endpoint = &*endpoint.name, %error, "rollback failed; the connection is dropped");
            }
            Err(failure)
        }
    }
}

/// Commits what the handler did together with the note that this round has ended; unless it had ended before.
async fn note(
    endpoint: &Arc<str>,
    delivery: &Delivery,
    mut transaction: Box<dyn Transaction>,
    outgoing: Vec<Outgoing>,
) -> Result<Delivered> {
    let receipt = Receipt { round: Round::of(endpoint, &delivery.envelope), ending: Ending::Handled };
    if transaction.note(&[receipt]).await? == [true] {
        transaction.commit(&outgoing).await?;
        return Ok(Delivered::Noted(done(delivery.lease), outgoing));
    }
    transaction.rollback().await?;
    Ok(Delivered::Repeated(done(delivery.lease)))
}

/// Runs the handler until it answers, panics, takes too long, or is no longer wanted.
async fn call(
    runtime: &Runtime,
    endpoint: &EndpointDefinition,
    consumer: &Consumer,
    context: &Context,
    tx_open: Arc<AtomicBool>,
) -> Result {
    if let Some(layers) = &endpoint.layers {
        return call_layered(runtime, endpoint, consumer, context, tx_open, layers).await;
    }
    let clock = &runtime.post.clock;
    let too_late = clock.sleep_until(clock.now() + endpoint.timeout);
    // Called inside the future, as what runs before the handler's first await may panic too.
    let handler = AssertUnwindSafe(watched(tx_open, async { consumer.call(context).await })).catch_unwind();
    tokio::select! {
        biased;
        answer = handler => answer.unwrap_or_else(|panic| Err(panicked(consumer, &*panic))),
        () = too_late => {
            if context.run.is_some() {
                context.cancel.cancel(CancelReason::Timeout);
            }
            Err(timed_out(endpoint, consumer))
        }
        reason = context.cancel.cancelled() => Err(cancelled(reason)),
    }
}

/// A delivery that came up too late to be of use.
fn expired(endpoint: &EndpointDefinition, delivery: &Delivery) -> Settlement {
    let envelope = &delivery.envelope;
    let reason = "it had expired before it was taken up".to_owned();
    tracing::warn!(
        endpoint = &*endpoint.name,
        name = &*envelope.name,
        key = envelope.key.as_str(),
        id = %envelope.id,
        "delivery expired"
    );
    let outcome = Outcome::DeadLetter { code: Code::EXPIRED, reason, attempt: envelope.attempt };
    Settlement::new(delivery.lease, outcome)
}

/// A delivery that was lost too often while it was claimed alone. Running it once more might take others with it.
fn quarantined(endpoint: &EndpointDefinition, delivery: &Delivery) -> Settlement {
    let envelope = &delivery.envelope;
    let reason = format!("lost {} times while it was claimed alone", envelope.crashes);
    tracing::error!(
        endpoint = &*endpoint.name,
        name = &*envelope.name,
        key = envelope.key.as_str(),
        id = %envelope.id,
        crashes = envelope.crashes,
        "delivery quarantined"
    );
    let outcome = Outcome::DeadLetter { code: Code::QUARANTINED, reason, attempt: envelope.attempt };
    Settlement::new(delivery.lease, outcome)
}

/// The same within the endpoint's layers. The handler's time counts from its beginning; until then the layers' does.
async fn call_layered(
    runtime: &Runtime,
    endpoint: &EndpointDefinition,
    consumer: &Consumer,
    context: &Context,
    tx_open: Arc<AtomicBool>,
    layers: &Layers,
) -> Result {
    let (clock, wait) = (&runtime.post.clock, runtime.limits.layer_wait);
    let handler = watched(tx_open, consumer.call_later(context)).boxed();
    let (arrival, mut progress) = Arrival::of(Arc::clone(&context.delivery), handler);
    let mut handling = pin!(AssertUnwindSafe(layers.handle(arrival)).catch_unwind());
    let mut too_late = clock.sleep_until(clock.now() + wait);
    loop {
        tokio::select! {
            biased;
            answer = &mut handling => return match answer {
                Ok(answer) => progress.judge(answer),
                Err(panic) => Err(panicked(consumer, &*panic)),
            },
            () = progress.begun() => too_late = clock.sleep_until(clock.now() + endpoint.timeout),
            () = &mut too_late => {
                return Err(if progress.has_begun() { timed_out(endpoint, consumer) } else { not_admitted(wait) });
            }
            reason = context.cancel.cancelled() => return Err(cancelled(reason)),
        }
    }
}

fn panicked(consumer: &Consumer, panic: &(dyn Any + Send)) -> Failure {
    let message = format!("handler `{}` panicked: {}", consumer.id, words(panic));
    Failure::coded(Verdict::Retry, Error::new(Code::HANDLER_PANICKED, message))
}

fn timed_out(endpoint: &EndpointDefinition, consumer: &Consumer) -> Failure {
    let message = format!("handler `{}` took longer than {:?}", consumer.id, endpoint.timeout);
    Failure::coded(Verdict::Retry, Error::new(Code::HANDLER_TIMED_OUT, message))
}

fn cancelled(reason: CancelReason) -> Failure {
    Failure::retry(format!("cancelled: {reason:?}"))
}

/// A delivery that was cancelled before its handler began.
fn cancelled_unrun(endpoint: &EndpointDefinition, delivery: &Delivery) -> Settlement {
    let envelope = &delivery.envelope;
    tracing::info!(endpoint = &*endpoint.name, name = &*envelope.name, id = %envelope.id, "delivery cancelled unrun");
    let reason = Code::CANCELLED.meaning.to_owned();
    let outcome = Outcome::DeadLetter { code: Code::CANCELLED, reason, attempt: envelope.attempt };
    Settlement::new(delivery.lease, outcome)
}

/// A message no handler here accepts: tried again for a while, as a rolling deploy may bring the handler.
fn unknown(runtime: &Runtime, delivery: &Delivery) -> Settlement {
    let envelope = &delivery.envelope;
    let dead_letter = |reason| Outcome::DeadLetter { code: Code::MESSAGE_UNKNOWN, reason, attempt: envelope.attempt };
    let outcome = if envelope.name.is_empty() {
        // No deploy will bring a handler for it.
        dead_letter("nothing says which message it is".to_owned())
    } else if let Some(delay) = within_grace(runtime, delivery) {
        Outcome::Unknown { delay }
    } else {
        dead_letter(format!("no handler here accepts `{}` version {}", envelope.name, envelope.version))
    };
    tracing::warn!(
        message = &*envelope.name,
        version = envelope.version,
        ?outcome,
        "message of an unknown name or version"
    );
    Settlement::new(delivery.lease, outcome)
}

/// An event of a saga instance that this code cannot read, as it was stored by newer code, or by older code that nobody
/// migrates: for as long as an unknown message it waits for the code that can. After that the policy decides.
fn deploy_pause(runtime: &Runtime, delivery: &Delivery, failure: &Failure) -> Option<Duration> {
    if failure.code() == Code::SAGA_UNREADABLE { within_grace(runtime, delivery) } else { None }
}

/// An event of a saga instance that does not exist, once the policy has given up: whoever held the event that starts it
/// may have crashed, and then that comes only after its lease. So it waits for as long as an unknown message.
fn pause_before_start(runtime: &Runtime, delivery: &Delivery, failure: &Failure) -> Option<Duration> {
    if failure.code() == Code::SAGA_NOT_STARTED { within_grace(runtime, delivery) } else { None }
}

/// A handler that found the engine away is no worse for it: for as long as an unknown message it comes back at no cost. Not
/// for ever, as it may be what ends the engine.
fn engine_pause(runtime: &Runtime, delivery: &Delivery, failure: &Failure) -> Option<Duration> {
    let is_away = failure.code() == Code::ENGINE_UNREACHABLE;
    (is_away && within_grace(runtime, delivery).is_some()).then_some(ENGINE_PAUSE)
}

/// When to look again at what only other code can handle, while a rolling deploy may still bring that code. The while
/// begins when this is first found, however long the delivery waited before.
fn within_grace(runtime: &Runtime, delivery: &Delivery) -> Option<Duration> {
    let grace = runtime.limits.unknown_message_grace;
    (delivery.unknown_for.unwrap_or_default() < grace).then(|| grace / 30)
}

fn dead_letter(failure: &Failure, attempt: u32) -> Outcome {
    // A NUL is the one character that PostgreSQL does not store.
    Outcome::DeadLetter { code: failure.code(), reason: failure.chain().replace('\0', "␀"), attempt }
}

fn log_failure(
    endpoint: &EndpointDefinition,
    handler: &str,
    delivery: &Delivery,
    failure: &Failure,
    outcome: &Outcome,
) {
    let (endpoint, name, key) = (&*endpoint.name, &*delivery.envelope.name, delivery.envelope.key.as_str());
    let id = delivery.envelope.id;
    match outcome {
        Outcome::Unknown { delay } if failure.code() == Code::ENGINE_UNREACHABLE => {
            tracing::warn!(endpoint, handler, name, key, %id, ?delay, error = %failure, "delivery waits for the engine");
        }
        Outcome::Unknown { delay } => {
            tracing::warn!(endpoint, handler, name, key, %id, ?delay, error = %failure, "delivery waits until it is known here");
        }
        Outcome::Return { delay } => tracing::debug!(endpoint, handler, name, key, %id, ?delay, "delivery returned"),
        // Events overtake one another all day; only one that is never caught up with is worth a line.
        Outcome::Retry { delay, attempt } if failure.code() == Code::SAGA_NOT_STARTED => {
            tracing::debug!(endpoint, handler, name, key, %id, attempt, ?delay, error = %failure, "event waits for its saga");
        }
        Outcome::Retry { delay, attempt } => {
            tracing::warn!(endpoint, handler, name, key, %id, attempt, ?delay, error = %failure, "delivery failed, will be retried");
        }
        Outcome::DeadLetter { .. } if failure.code() == Code::CANCELLED => {
            tracing::info!(endpoint, handler, name, key, %id, "delivery cancelled");
        }
        Outcome::Done | Outcome::DeadLetter { .. } => {
            tracing::error!(endpoint, handler, name, key, %id, code = %failure.code(), error = %failure, "delivery dead-lettered");
        }
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
