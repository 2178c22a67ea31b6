//! An order as a client wrote it: nothing about it is believed yet.

use orderly_contracts::{Currency, CustomerId, Money, ProductId};

/// What a client sent. [`NewOrder::parse`](super::NewOrder::parse) turns it into an order or into its problems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub customer: CustomerId,
    /// What the whole order is paid in.
    pub currency: Currency,
    /// A client may say `Pending`, which is what every order is at first, or nothing.
    pub status: Option<String>,
    pub lines: Vec<DraftLine>,
}

/// One line of what a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftLine {
    pub product: ProductId,
    pub quantity: i64,
    /// What the client believes a unit to cost. Without it the catalog's price holds.
    pub unit_price: Option<Money>,
}
