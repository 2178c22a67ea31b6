//! Taking back a part of a delivered order, or all of it.

use orderly_contracts::{
    CustomerId, OrderId, Quantity, ReturnNumber,
    orders::{OrderReturned, ReturnedLine},
};
use wharf::{Failure, Permanent, UnitOfWork};

use super::Ports;
use crate::domain::{ItemReturn, NotReturnable, Problems, ReturnDraft};

/// What is to come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnItems {
    /// Of what.
    pub order: OrderId,
    /// What the caller calls this return. One name makes one return of an order.
    pub reference: String,
    /// What they want.
    pub draft: ReturnDraft,
}

/// A return as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReturn {
    /// Which of its order's.
    pub number: ReturnNumber,
    /// What came back, and what is given back for it.
    pub items: ItemReturn,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// The return.
    pub stored: StoredReturn,
    /// Whether it was made just now, and not under the same reference before.
    pub is_new: bool,
}

/// Why nothing was taken back.
#[derive(Debug, thiserror::Error)]
pub enum ReturnError {
    /// There is no such order, or it is not this customer's.
    #[error("there is no order {0}")]
    Unknown(OrderId),
    /// The customer does not have it.
    #[error(transparent)]
    NotReturnable(#[from] NotReturnable),
    /// The caller's mistake.
    #[error(transparent)]
    Refused(#[from] Problems),
    /// Something else came back under this reference.
    #[error("return {number} of this order has this reference, and is another")]
    ReferenceTaken {
        /// Which.
        number: ReturnNumber,
    },
    /// Trying again may help.
    #[error("the return could not be saved: {0}")]
    Failed(Failure),
}

impl From<Failure> for ReturnError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Records a return and announces it; the money and the stock follow. The caller commits.
///
/// The order is kept from others from the first look on, so two who return the same units at once are not both believed.
///
/// # Errors
/// [`ReturnError::Unknown`] also for an order of a customer other than `only_of`. [`ReturnError::Refused`] with everything
/// that is wrong with the draft.
pub async fn return_items(
    ports: &Ports,
    work: &mut UnitOfWork,
    wanted: &ReturnItems,
    only_of: Option<CustomerId>,
) -> Result<Returned, ReturnError> {
    let ReturnItems { order, ref reference, ref draft } = *wanted;
    let found = ports.book.find(&mut work.tx, order).await?;
    let found = found.filter(|found| only_of.is_none_or(|customer| found.placed.customer == customer));
    let found = found.ok_or(ReturnError::Unknown(order))?;
    if let Some(stored) = ports.returns.find(&mut work.tx, order, reference).await? {
        if stored.items.is_what_is_wanted_by(draft) {
            return Ok(Returned { stored, is_new: false });
        }
        return Err(ReturnError::ReferenceTaken { number: stored.number });
    }
    found.status.require_returnable()?;
    let sold = ports.returns.sold(&mut work.tx, order).await?;
    let items = ItemReturn::parse(draft, &sold, &ports.settings.limits)?;
    let number = ports.returns.add(&mut work.tx, order, reference, &items).await?;
    let stored = StoredReturn { number, items };
    work.bus.publish(announced(order, &stored)?);
    tracing::info!(%order, %number, refund = %stored.items.refund(), "items returned");
    Ok(Returned { stored, is_new: true })
}

fn announced(order: OrderId, stored: &StoredReturn) -> Result<OrderReturned, Failure> {
    let line = |((product, fate), units)| {
        let quantity = Quantity::new(units).permanent()?;
        Ok(ReturnedLine { product, quantity, fate })
    };
    let lines = stored.items.units().into_iter().map(line).collect::<Result<_, Failure>>()?;
    Ok(OrderReturned { order_id: order, return_number: stored.number, lines, refund: stored.items.refund() })
}
