//! Asking for an order to be cancelled. The saga decides; a request that is too late is refused at the door.

use orderly_contracts::{CustomerId, OrderId, orders::OrderCancellationRequested};
use wharf::{Failure, UnitOfWork};

use super::Ports;
use crate::domain::{NoLongerCancellable, OrderStatus};

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelOutcome {
    /// The saga will decide. Of a paid order the carrier decides: if it has the parcel already, the order stays as it is.
    Requested,
    /// It was cancelled before.
    AlreadyCancelled,
}

/// Why it was not even asked.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// There is no such order, or it is not this customer's.
    #[error("there is no order {0}")]
    Unknown(OrderId),
    /// A carrier has it, or it is over.
    #[error(transparent)]
    TooLate(#[from] NoLongerCancellable),
    /// Trying again may help.
    #[error("the cancellation could not be saved: {0}")]
    Failed(Failure),
}

impl From<Failure> for CancelError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Requests a cancellation. The caller commits.
///
/// # Errors
/// [`CancelError::Unknown`] also for an order of a customer other than `only_of`.
pub async fn cancel_order(
    ports: &Ports,
    work: &mut UnitOfWork,
    order: OrderId,
    only_of: Option<CustomerId>,
    reference: Option<&str>,
) -> Result<CancelOutcome, CancelError> {
    let stored = ports.book.find(&mut work.tx, order).await?;
    let stored = stored.filter(|stored| only_of.is_none_or(|customer| stored.placed.customer == customer));
    let stored = stored.ok_or(CancelError::Unknown(order))?;
    if stored.status == OrderStatus::Cancelled {
        return Ok(CancelOutcome::AlreadyCancelled);
    }
    stored.status.require_cancellable()?;
    ports.book.note_cancellation(&mut work.tx, order, reference).await?;
    work.bus.send(OrderCancellationRequested { order_id: order, reference: reference.map(str::to_owned) });
    Ok(CancelOutcome::Requested)
}
