//! A return: what comes back of a delivered order, and what is given back for it. Made from a draft, never checked again.

use std::collections::BTreeMap;

use orderly_contracts::{Money, ProductId, ReturnFate};

use super::{OrderLimits, OrderLine, OrderStatus, ProblemCode, Problems, problem::Findings};

/// A return as a client wrote it: nothing about it is believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnDraft {
    pub lines: Vec<ReturnDraftLine>,
}

/// So many of a product, and what becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReturnDraftLine {
    pub product: ProductId,
    pub quantity: i64,
    pub fate: ReturnFate,
}

/// A line of an order that was shipped, which is always whole, and what came back of it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoldLine {
    /// Its place in the order, from 1.
    pub place: i64,
    pub line: OrderLine,
    /// Units.
    pub returned: i64,
}

/// A return that keeps every rule. It has at least one line, takes back no more than was shipped and is not back yet, and
/// its refund is the sum of units × price over its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemReturn {
    lines: Vec<ItemReturnLine>,
    refund: Money,
}

/// So many of what stands at one place of the order. No two lines of a return have the same place and the same fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemReturnLine {
    /// In the order, from 1.
    pub place: i64,
    pub product: ProductId,
    /// At least one.
    pub units: i64,
    /// What a unit cost in this order.
    pub unit_price: Money,
    pub fate: ReturnFate,
}

impl ItemReturn {
    /// Reads a draft against what was sold. A product that stands in the order at several prices comes back in the order
    /// of its lines, so that whoever returns everything gets back exactly what it cost.
    ///
    /// # Errors
    ///
    /// All [`Problems`] at once; too many lines are not read at all.
    pub fn parse(draft: &ReturnDraft, sold: &[SoldLine], limits: &OrderLimits) -> Result<Self, Problems> {
        if draft.lines.len() > limits.lines_max {
            let message = format!("A return has at most {} items.", limits.lines_max);
            return Err(Problems::one("items", ProblemCode::TooManyItems, message));
        }
        let mut left = sold.to_vec();
        let mut taken: BTreeMap<(i64, ReturnFate), ItemReturnLine> = BTreeMap::new();
        let mut findings = Findings::default();
        for (index, wanted) in draft.lines.iter().enumerate() {
            if !check(index, wanted, &left, &mut findings) {
                continue;
            }
            for line in take(wanted, &mut left) {
                taken.entry((line.place, line.fate)).and_modify(|before| before.units += line.units).or_insert(line);
            }
        }
        findings.stop()?;
        Self::of(taken.into_values().collect())
    }

    /// Reads back what was stored. It was checked when it was made.
    pub fn from_stored(lines: Vec<ItemReturnLine>, refund: Money) -> Self {
        Self { lines, refund }
    }

    /// By place and fate.
    pub fn lines(&self) -> &[ItemReturnLine] {
        &self.lines
    }

    pub fn refund(&self) -> Money {
        self.refund
    }

    /// Units of each product and fate, at whatever price.
    pub fn units(&self) -> BTreeMap<(ProductId, ReturnFate), i64> {
        let mut units = BTreeMap::new();
        for line in &self.lines {
            *units.entry((line.product, line.fate)).or_default() += line.units;
        }
        units
    }

    /// Whether this is what `draft` asks for, in whatever order and however divided into lines.
    pub fn is_what_is_wanted_by(&self, draft: &ReturnDraft) -> bool {
        let mut wanted: BTreeMap<_, i64> = BTreeMap::new();
        for line in &draft.lines {
            if line.quantity < 1 {
                return false;
            }
            let units = wanted.entry((line.product, line.fate)).or_default();
            *units = units.saturating_add(line.quantity);
        }
        wanted == self.units()
    }

    fn of(lines: Vec<ItemReturnLine>) -> Result<Self, Problems> {
        let Some(first) = lines.first() else {
            return Err(Problems::one("items", ProblemCode::NoItems, "A return has at least one item."));
        };
        let nothing = Money::zero(first.unit_price.currency);
        let refund =
            lines.iter().try_fold(nothing, |sum, line| sum.checked_add(line.unit_price.times(line.units)?)).map_err(
                |_| Problems::one("items", ProblemCode::TotalTooLarge, "The refund is too large to be an amount."),
            )?;
        Ok(Self { lines, refund })
    }
}

impl SoldLine {
    /// What can still come back of it.
    fn left(&self) -> i64 {
        (self.line.quantity.units() - self.returned).max(0)
    }
}

/// Whether a line can be taken from what is left; if not, why.
fn check(index: usize, wanted: &ReturnDraftLine, left: &[SoldLine], findings: &mut Findings) -> bool {
    let ReturnDraftLine { product, quantity, .. } = *wanted;
    let field = format!("items[{index}].quantity");
    if quantity < 1 {
        let message = format!("The quantity must be at least 1, not {quantity}.");
        findings.add(field, ProblemCode::QuantityNotPositive, message);
        return false;
    }
    let mut of_product = left.iter().filter(|sold| sold.line.product == product).map(SoldLine::left).peekable();
    if of_product.peek().is_none() {
        let message = format!("Product {product} is none of this order's.");
        findings.add(format!("items[{index}].productId"), ProblemCode::NotInOrder, message);
        return false;
    }
    let left: i64 = of_product.fold(0, i64::saturating_add);
    if quantity > left {
        let message = format!("Of product {product} {left} can still be returned, not {quantity}.");
        findings.add(field, ProblemCode::MoreThanIsLeft, message);
        return false;
    }
    true
}

/// Takes a line, for which there is enough, from what is left.
fn take(wanted: &ReturnDraftLine, left: &mut [SoldLine]) -> Vec<ItemReturnLine> {
    let mut missing = wanted.quantity;
    let mut taken = Vec::new();
    for sold in left.iter_mut().filter(|sold| sold.line.product == wanted.product) {
        let units = sold.left().min(missing);
        if units > 0 {
            sold.returned += units;
            missing -= units;
            let OrderLine { product, unit_price, .. } = sold.line;
            taken.push(ItemReturnLine { place: sold.place, product, units, unit_price, fate: wanted.fate });
        }
    }
    taken
}

impl OrderStatus {
    /// # Errors
    ///
    /// [`NotReturnable`] unless the customer has the parcel.
    pub fn require_returnable(self) -> Result<(), NotReturnable> {
        if self == Self::Delivered { Ok(()) } else { Err(NotReturnable { status: self }) }
    }
}

/// Nothing can come back of what the customer does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("of an order that is {status} nothing can be returned")]
pub struct NotReturnable {
    pub status: OrderStatus,
}

impl NotReturnable {
    pub const CODE: &'static str = "not-returnable";
}
