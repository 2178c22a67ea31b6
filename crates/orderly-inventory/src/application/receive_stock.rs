//! A supplier has brought units.

use orderly_contracts::ProductId;
use wharf::UnitOfWork;

use super::{Ports, StockField, StockProblem, StockRefusal};
use crate::domain::{Movement, MovementKind};

/// What was brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiveStock {
    /// Of what.
    pub product: ProductId,
    /// How many.
    pub units: i64,
    /// What staff call it, such as the number of the delivery note. Under one reference a product is received once.
    pub reference: Option<String>,
}

/// Puts the units on the shelf, with a movement. `false` when they were received under this reference before. The caller
/// commits.
///
/// # Errors
/// [`StockRefusal::Unknown`]; [`StockRefusal::ReferenceTaken`]; [`StockRefusal::Refused`].
pub async fn receive_stock(ports: &Ports, work: &mut UnitOfWork, brought: &ReceiveStock) -> Result<bool, StockRefusal> {
    let ReceiveStock { product, units, ref reference } = *brought;
    // The shelf is kept from others before the reference is looked up, so that nobody receives it meanwhile.
    let before = ports.on_shelf(&mut work.tx, product).await?;
    if let Some(reference) = reference {
        match ports.warehouse.receipt(&mut work.tx, product, reference).await? {
            Some(earlier) if earlier == units => return Ok(false),
            Some(earlier) => return Err(StockRefusal::ReferenceTaken { units: earlier }),
            None => {}
        }
    }
    let after = before.receive(units).map_err(|error| {
        let problem = StockProblem { field: StockField::Units, error };
        StockRefusal::Refused(vec![problem])
    })?;
    let movement = Movement { kind: MovementKind::Received, units, reference: reference.clone() };
    ports.warehouse.put(&mut work.tx, product, after, Some(&movement)).await?;
    tracing::info!(%product, units, on_hand = after.on_hand(), "stock received");
    Ok(true)
}
