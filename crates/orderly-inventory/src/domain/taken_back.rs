//! Taking back what came back from an order: on the shelf again, or written off.

use std::collections::BTreeMap;

use orderly_contracts::{ProductId, Quantity, ReturnFate};

use super::{Stock, StockError};

/// Units of one product that came back with one return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenBack {
    pub product: ProductId,
    /// So many lie on the shelf again.
    pub restocked: i64,
    /// So many are never sold again. They lie on no shelf, and move no stock.
    pub written_off: i64,
}

/// Sums a return's lines by product, in product order.
///
/// # Errors
///
/// [`TakingBackError`] when a product has no shelf, or its shelf cannot count what would lie on it.
pub fn take_back_all(
    lines: impl IntoIterator<Item = (ProductId, Quantity, ReturnFate)>,
    stock: &BTreeMap<ProductId, Stock>,
) -> Result<Vec<TakenBack>, TakingBackError> {
    let mut back: BTreeMap<ProductId, TakenBack> = BTreeMap::new();
    for (product, quantity, fate) in lines {
        let nothing = TakenBack { product, restocked: 0, written_off: 0 };
        let taken = back.entry(product).or_insert(nothing);
        let units = match fate {
            ReturnFate::Restock => &mut taken.restocked,
            ReturnFate::WriteOff => &mut taken.written_off,
        };
        *units = units.saturating_add(quantity.units());
    }
    let checked = back.into_values().map(|taken| {
        let shelf = stock.get(&taken.product).ok_or(TakingBackError::NoShelf { product: taken.product })?;
        if taken.restocked > 0 {
            shelf.receive(taken.restocked)?;
        }
        Ok(taken)
    });
    checked.collect()
}

/// Why what came back cannot be put away. None of these goes away by asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TakingBackError {
    #[error("there is no shelf for product {product}")]
    NoShelf { product: ProductId },
    #[error(transparent)]
    Stock(#[from] StockError),
}
