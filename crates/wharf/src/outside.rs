//! Calls to the world outside, which must never happen while a transaction is open.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    Code, Error,
    failure::{Failure, Verdict},
};

tokio::task_local! {
    /// Whether the delivery that runs in this task has its transaction open.
    static TX_OPEN: Arc<AtomicBool>;
}

/// Makes a call to an outside provider, unless this delivery's transaction is open: a slow provider would keep
/// connections and locks, and its effect could not be rolled back.
///
/// ```
/// # async fn charge() -> u32 { 7 }
/// # async fn handler() -> wharf::Result {
/// let receipt = wharf::outside(charge()).await?; // before the first use of Tx
/// # let _ = receipt; Ok(()) }
/// ```
///
/// # Errors
/// `W0009`, without having made the call, when the transaction is open. It is a mistake in the program, so the delivery
/// is dead-lettered at once.
pub async fn outside<F: Future>(call: F) -> Result<F::Output, Failure> {
    let open = TX_OPEN.try_with(|open| open.load(Ordering::Acquire)).unwrap_or(false);
    if open {
        let error = Error::new(Code::OUTSIDE_WITHIN_TX, "the transaction of this delivery is already open");
        return Err(Failure::coded(Verdict::DeadLetter, error));
    }
    Ok(call.await)
}

/// Runs a handler so that [`outside`] sees whether its transaction is open.
pub(crate) async fn watched<F: Future>(open: Arc<AtomicBool>, handler: F) -> F::Output {
    TX_OPEN.scope(open, handler).await
}
