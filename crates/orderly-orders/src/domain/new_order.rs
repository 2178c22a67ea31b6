//! An order that may be placed: made from a draft, never checked again.

use std::collections::{BTreeMap, HashMap};

use orderly_contracts::{Currency, CustomerId, Money, ProductId, Quantity};

use super::{Draft, DraftLine, OrderStatus, ProblemCode, Problems, problem::Findings};

/// An order that keeps every rule. It has at least one line, and its total is the sum of quantity × price over its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    customer: CustomerId,
    lines: Vec<OrderLine>,
    total: Money,
}

/// So many of a product at a price. No two lines of an order have the same product and the same price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderLine {
    pub product: ProductId,
    pub quantity: Quantity,
    pub unit_price: Money,
}

/// How much one order may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderLimits {
    /// Lines as the client sent them, before equal ones are merged.
    pub lines_max: usize,
    /// Units of one line, after equal ones are merged.
    pub quantity_max: i64,
}

impl Default for OrderLimits {
    fn default() -> Self {
        Self { lines_max: 1_000, quantity_max: 100_000 }
    }
}

/// Whose prices hold.
#[derive(Debug, Clone, Copy)]
pub enum Pricing<'a> {
    /// The client's, which it must then give.
    TrustClient,
    /// The catalog's, by product. A client's price is an assertion: it must be equal where it is given.
    Catalog(&'a BTreeMap<ProductId, Money>),
}

impl NewOrder {
    /// Reads a draft. Equal lines (by product and price) become one, in the order in which they first appear.
    ///
    /// # Errors
    ///
    /// All [`Problems`] at once. Two come alone: too many lines are not read at all, and a total can only be too large
    /// once every line is right.
    pub fn parse(draft: &Draft, pricing: Pricing<'_>, limits: &OrderLimits) -> Result<Self, Problems> {
        if draft.lines.len() > limits.lines_max {
            let message = format!("An order has at most {} items.", limits.lines_max);
            return Err(Problems::one("items", ProblemCode::TooManyItems, message));
        }
        let mut findings = Findings::default();
        check_status(draft.status.as_deref(), &mut findings);
        if draft.lines.is_empty() {
            findings.add("items", ProblemCode::NoItems, "An order has at least one item.");
        }
        let lines = merged_lines(draft, pricing, limits, &mut findings);
        findings.stop()?;
        let total = total(&lines, draft.currency)?;
        Ok(Self { customer: draft.customer, lines, total })
    }

    pub fn customer(&self) -> CustomerId {
        self.customer
    }

    pub fn lines(&self) -> &[OrderLine] {
        &self.lines
    }

    pub fn total(&self) -> Money {
        self.total
    }
}

/// The rule that remains for an order whose prices were trusted: what it asks for exists.
///
/// # Errors
///
/// A problem for each of `products`, the products of the order's lines, that is not known.
pub fn require_known_products(products: &[ProductId], known: impl Fn(ProductId) -> bool) -> Result<(), Problems> {
    let mut findings = Findings::default();
    for (index, &product) in products.iter().enumerate() {
        if !known(product) {
            unknown_product(index, product, &mut findings);
        }
    }
    findings.stop()
}

fn check_status(status: Option<&str>, findings: &mut Findings) {
    if status.is_some_and(|status| status != OrderStatus::Pending.as_str()) {
        findings.add("status", ProblemCode::StatusNotPending, "A new order is Pending; leave the status out.");
    }
}

fn merged_lines(draft: &Draft, pricing: Pricing<'_>, limits: &OrderLimits, findings: &mut Findings) -> Vec<OrderLine> {
    let mut lines: Vec<OrderLine> = Vec::with_capacity(draft.lines.len());
    let mut places: HashMap<(ProductId, Money), usize> = HashMap::with_capacity(draft.lines.len());
    for (index, line) in draft.lines.iter().enumerate() {
        // Both are read before either is asked for, so that one line can show two problems.
        let units = units(index, line, findings);
        let unit_price = unit_price(index, line, draft.currency, pricing, findings);
        let (Some(units), Some(unit_price)) = (units, unit_price) else {
            continue;
        };

        let place = places.get(&(line.product, unit_price)).copied();
        let before = place.map_or(0, |place| lines[place].quantity.units());
        match Quantity::new(before.saturating_add(units)) {
            Ok(quantity) if quantity.units() <= limits.quantity_max => match place {
                Some(place) => lines[place].quantity = quantity,
                None => {
                    places.insert((line.product, unit_price), lines.len());
                    lines.push(OrderLine { product: line.product, quantity, unit_price });
                }
            },
            Ok(_) | Err(_) => findings.add(
                format!("items[{index}].quantity"),
                ProblemCode::QuantityTooLarge,
                format!("At most {} of a product can be ordered at one price.", limits.quantity_max),
            ),
        }
    }
    lines
}

/// What a line asks for, at least one.
fn units(index: usize, line: &DraftLine, findings: &mut Findings) -> Option<i64> {
    if line.quantity < 1 {
        findings.add(
            format!("items[{index}].quantity"),
            ProblemCode::QuantityNotPositive,
            format!("The quantity must be at least 1, not {}.", line.quantity),
        );
        return None;
    }
    Some(line.quantity)
}

/// What a unit costs in this order.
fn unit_price(
    index: usize,
    line: &DraftLine,
    currency: Currency,
    pricing: Pricing<'_>,
    findings: &mut Findings,
) -> Option<Money> {
    let field = || format!("items[{index}].unitPrice");
    let price = match (pricing, line.unit_price) {
        (Pricing::TrustClient, Some(asserted)) => asserted,
        (Pricing::TrustClient, None) => {
            findings.add(field(), ProblemCode::PriceMissing, "The price of a unit is needed.");
            return None;
        }
        (Pricing::Catalog(prices), asserted) => {
            let Some(&price) = prices.get(&line.product) else {
                unknown_product(index, line.product, findings);
                return None;
            };
            if asserted.is_some_and(|asserted| asserted != price) {
                let message = format!("The price of product {} is {price} {}.", line.product, price.currency);
                findings.add(field(), ProblemCode::PriceChanged, message);
                return None;
            }
            price
        }
    };
    if price.currency != currency {
        let message = format!("This order is in {currency}, the price in {}.", price.currency);
        findings.add(field(), ProblemCode::MixedCurrencies, message);
        return None;
    }
    if !price.is_positive() {
        let message = format!("The price of a unit must be positive, not {price}.");
        findings.add(field(), ProblemCode::PriceNotPositive, message);
        return None;
    }
    Some(price)
}

fn unknown_product(index: usize, product: ProductId, findings: &mut Findings) {
    let message = format!("There is no product {product}.");
    findings.add(format!("items[{index}].productId"), ProblemCode::UnknownProduct, message);
}

fn total(lines: &[OrderLine], currency: Currency) -> Result<Money, Problems> {
    lines
        .iter()
        .try_fold(Money::zero(currency), |sum, line| sum.checked_add(line.unit_price.times(line.quantity.units())?))
        .map_err(|_| Problems::one("items", ProblemCode::TotalTooLarge, "The total is too large to be an amount."))
}
