//! Staff have counted, or want to buy more earlier or later than before.

use orderly_contracts::ProductId;
use wharf::UnitOfWork;

use super::{Ports, StockField, StockProblem, StockRefusal, run_low::ran_low};
use crate::domain::{Movement, MovementKind};

/// What staff say of one product. What is left out stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdjustStock {
    /// Of what.
    pub product: ProductId,
    /// What lies in the warehouse, in units, that which is held for orders included.
    pub on_hand: Option<i64>,
    /// At how many available units it is time to buy more.
    pub reorder_level: Option<i64>,
    /// What they call it, such as the number of a stock-take.
    pub reference: Option<String>,
}

/// Writes what was counted, with the difference as a movement. The caller commits.
///
/// # Errors
/// [`StockRefusal::Unknown`]; [`StockRefusal::Refused`] with everything that is wrong with it.
pub async fn adjust_stock(ports: &Ports, work: &mut UnitOfWork, wanted: &AdjustStock) -> Result<(), StockRefusal> {
    let AdjustStock { product, on_hand, reorder_level, ref reference } = *wanted;
    let before = ports.on_shelf(&mut work.tx, product).await?;
    let mut after = before;
    let mut problems = Vec::new();
    if let Some(units) = on_hand {
        match after.count(units) {
            Ok(counted) => after = counted,
            Err(error) => problems.push(StockProblem { field: StockField::OnHand, error }),
        }
    }
    if let Some(units) = reorder_level {
        match after.reorder_at(units) {
            Ok(levelled) => after = levelled,
            Err(error) => problems.push(StockProblem { field: StockField::ReorderLevel, error }),
        }
    }
    if !problems.is_empty() {
        return Err(StockRefusal::Refused(problems));
    }
    let units = after.on_hand() - before.on_hand();
    let movement = Movement { kind: MovementKind::Adjusted, units, reference: reference.clone() };
    let movement = Some(movement).filter(|movement| movement.units != 0);
    ports.warehouse.put(&mut work.tx, product, after, movement.as_ref()).await?;
    if before.runs_low(after) {
        work.bus.publish(ran_low(product, after));
    }
    tracing::info!(%product, units, on_hand = after.on_hand(), reorder_level = after.reorder_level(), "stock adjusted");
    Ok(())
}
