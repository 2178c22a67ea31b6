//! Holding a whole order: every line, or none.

use std::collections::BTreeMap;

use orderly_contracts::{ProductId, Quantity};

use super::Stock;

/// Holds all lines, or says of each product what is missing. Lines of one product are summed.
///
/// The answer is in product order, and rows must be locked and written in that order: two orders that want the same
/// products then wait for one another instead of for ever.
///
/// # Errors
///
/// [`Shortages`], with every product that falls short. A product that `stock` does not have counts as none available.
pub fn hold_all(
    lines: impl IntoIterator<Item = (ProductId, Quantity)>,
    stock: &BTreeMap<ProductId, Stock>,
) -> Result<Vec<Held>, Shortages> {
    let mut wanted: BTreeMap<ProductId, i64> = BTreeMap::new();
    for (product, quantity) in lines {
        let units = wanted.entry(product).or_default();
        *units = units.saturating_add(quantity.units());
    }

    let mut held = Vec::with_capacity(wanted.len());
    let mut shortages = Vec::new();
    for (product, units) in wanted {
        let before = stock.get(&product).copied();
        match before.map(|before| (before, before.hold(units))) {
            Some((before, Ok(after))) => held.push(Held { product, units, before, after }),
            Some((_, Err(_))) | None => {
                let available = before.map_or(0, Stock::available);
                shortages.push(Shortage { product, wanted: units, available });
            }
        }
    }
    if shortages.is_empty() { Ok(held) } else { Err(Shortages(shortages)) }
}

/// Units of one product, held for one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub product: ProductId,
    pub units: i64,
    /// The stock until they are held.
    pub before: Stock,
    /// The stock once they are held.
    pub after: Stock,
}

impl Held {
    /// Whether holding them takes what is available down to the reorder level.
    pub fn runs_low(&self) -> bool {
        self.before.runs_low(self.after)
    }
}

/// A product of which there is less than the order wants. Both in units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage {
    pub product: ProductId,
    /// Summed over the order's lines.
    pub wanted: i64,
    pub available: i64,
}

/// Why an order cannot be held: at least one product falls short. In product order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} of the ordered products fall short", .0.len())]
pub struct Shortages(Vec<Shortage>);

impl Shortages {
    pub fn as_slice(&self) -> &[Shortage] {
        &self.0
    }
}
