//! One delivery from claim to settlement: run the handler, judge its answer, settle.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use futures_util::FutureExt;

use super::{Runtime, inbox::done};
use crate::{
    Bus, Cancel, Code, Delivery, Error, Outgoing,
    context::Context,
    endpoint::EndpointDefinition,
    failure::{Failure, Result, Verdict},
    handler::Consumer,
    outside::watched,
    ports::{Ending, Outcome, Receipt, Round, Settlement, Transaction},
    retry::Next,
    tx::SlotOwner,
};

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
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "only the harness writes a transcript of it"))]
    Failed(Settlement, Failure),
}

/// Handles a delivery, immediate retries included.
pub(crate) async fn deliver(
    runtime: &Runtime,
    endpoint: &EndpointDefinition,
    delivery: Arc<Delivery>,
    cancel: Cancel,
) -> Delivered {
    if let Some(outcome) = runtime.too_old(&delivery) {
        tracing::error!(endpoint = &*endpoint.name, id = %delivery.envelope.id, ?outcome, "message is too old");
        return Delivered::Unsettled(Settlement { lease: delivery.lease, outcome, outgoing: Vec::new() });
    }
    let Some(consumer) = endpoint.consumers.iter().find(|consumer| consumer.accepts(&delivery.envelope)) else {
        return Delivered::Unsettled(unknown(runtime, &delivery));
    };
    let mut failed_attempts = delivery.envelope.attempt;
    loop {
        let failure = match attempt(runtime, endpoint, consumer, &delivery, &cancel, failed_attempts).await {
            Ok(delivered) => return delivered,
            Err(failure) => failure,
        };
        let failure = if endpoint.judges_permanent(&failure) { failure.made_permanent() } else { failure };
        let outcome = match failure.verdict() {
            Verdict::Snooze(delay) => Outcome::Return { delay },
            Verdict::DeadLetter => dead_letter(&failure, failed_attempts + 1),
            Verdict::Retry if cancel.reason().is_some() => Outcome::Return { delay: Duration::ZERO },
            Verdict::Retry => {
                failed_attempts += 1;
                match endpoint.retry.after(failed_attempts, delivery.envelope.id) {
                    Next::Now => continue,
                    Next::After(delay) => Outcome::Retry { delay, attempt: failed_attempts },
                    Next::GiveUp => dead_letter(&failure, failed_attempts),
                }
            }
        };
        log_failure(endpoint, &consumer.id, &delivery, &failure, &outcome);
        let settlement = Settlement { lease: delivery.lease, outcome, outgoing: Vec::new() };
        return Delivered::Failed(settlement, failure);
    }
}

/// One run of the handler. `Err` is the handler's verdict, or why it could not be committed.
async fn attempt(
    runtime: &Runtime,
    endpoint: &EndpointDefinition,
    consumer: &Consumer,
    delivery: &Arc<Delivery>,
    cancel: &Cancel,
    failed_attempts: u32,
) -> Result<Delivered> {
    let envelope = &delivery.envelope;
    let tx_open = Arc::new(AtomicBool::new(false));
    let trail = envelope.trail.follow(envelope.id, Arc::clone(&consumer.id));
    let context = Context {
        delivery: Arc::clone(delivery),
        failed_attempts,
        slot: SlotOwner::new(Arc::clone(&runtime.engine), envelope.tenant.clone(), Arc::clone(&tx_open)),
        bus: Bus::new(Arc::clone(&runtime.post), envelope.tenant.clone(), trail),
        cancel: cancel.clone(),
    };
    let answer = run(runtime, endpoint, consumer, &context, tx_open).await;
    let transaction = context.slot.take_back();
    let outgoing = answer.and_then(|()| context.bus.take());
    match (outgoing, transaction?) {
        (Ok(outgoing), Some(transaction)) if runtime.via.is_some() => {
            note(&endpoint.name, delivery, transaction, outgoing).await
        }
        (Ok(outgoing), Some(transaction)) => match transaction.settle(delivery.lease, &outgoing).await? {
            true => Ok(Delivered::Committed(outgoing)),
            false => Ok(Delivered::Stale),
        },
        (Ok(outgoing), None) => {
            let settlement = Settlement { lease: delivery.lease, outcome: Outcome::Done, outgoing };
            Ok(Delivered::Unsettled(settlement))
        }
        (Err(failure), transaction) => {
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
async fn run(
    runtime: &Runtime,
    endpoint: &EndpointDefinition,
    consumer: &Consumer,
    context: &Context,
    tx_open: Arc<AtomicBool>,
) -> Result {
    let clock = &runtime.post.clock;
    let too_late = clock.sleep_until(clock.now() + endpoint.timeout);
    // Called inside the future, as what runs before the handler's first await may panic too.
    let handler = AssertUnwindSafe(watched(tx_open, async { consumer.call(context).await })).catch_unwind();
    tokio::select! {
        biased;
        answer = handler => answer.unwrap_or_else(|panic| {
            let error = Error::new(Code::HANDLER_PANICKED, format!("handler `{}` panicked: {}", consumer.id, words(&*panic)));
            Err(Failure::coded(Verdict::Retry, error))
        }),
        () = too_late => {
            let error = Error::new(Code::HANDLER_TIMED_OUT, format!("handler `{}` took longer than {:?}", consumer.id, endpoint.timeout));
            Err(Failure::coded(Verdict::Retry, error))
        }
        reason = context.cancel.cancelled() => Err(Failure::retry(format!("cancelled: {reason:?}"))),
    }
}

/// A message no handler here accepts: tried again for a while, as a rolling deploy may bring the handler.
fn unknown(runtime: &Runtime, delivery: &Delivery) -> Settlement {
    let envelope = &delivery.envelope;
    let grace = runtime.limits.unknown_message_grace;
    let outcome = if runtime.post.clock.now().since(envelope.sent_at) < grace {
        Outcome::Return { delay: grace / 30 }
    } else {
        let reason = format!("no handler here accepts `{}` version {}", envelope.name, envelope.version);
        Outcome::DeadLetter { code: Code::MESSAGE_UNKNOWN, reason, attempt: envelope.attempt }
    };
    tracing::warn!(
        message = &*envelope.name,
        version = envelope.version,
        ?outcome,
        "message of an unknown name or version"
    );
    Settlement { lease: delivery.lease, outcome, outgoing: Vec::new() }
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
        Outcome::Return { delay } => tracing::debug!(endpoint, handler, name, key, %id, ?delay, "delivery returned"),
        // Events overtake one another all day; only one that is never caught up with is worth a line.
        Outcome::Retry { delay, attempt } if failure.code() == Code::SAGA_NOT_STARTED => {
            tracing::debug!(endpoint, handler, name, key, %id, attempt, ?delay, error = %failure, "event waits for its saga");
        }
        Outcome::Retry { delay, attempt } => {
            tracing::warn!(endpoint, handler, name, key, %id, attempt, ?delay, error = %failure, "delivery failed, will be retried");
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
