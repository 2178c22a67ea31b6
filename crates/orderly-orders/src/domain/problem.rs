//! What is wrong with a draft: every problem at once, each with the field it stands in.

use std::fmt;

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A path into the request: `items[3].quantity`.
    pub field: String,
    pub code: ProblemCode,
    /// One sentence, for people.
    pub message: String,
}

/// Which rule. The text form is stable; clients decide by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemCode {
    StatusNotPending,
    NoItems,
    TooManyItems,
    QuantityNotPositive,
    QuantityTooLarge,
    PriceMissing,
    PriceNotPositive,
    PriceChanged,
    MixedCurrencies,
    UnknownProduct,
    TotalTooLarge,
    NotInOrder,
    MoreThanIsLeft,
}

impl ProblemCode {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StatusNotPending => "status-not-pending",
            Self::NoItems => "no-items",
            Self::TooManyItems => "too-many-items",
            Self::QuantityNotPositive => "quantity-not-positive",
            Self::QuantityTooLarge => "quantity-too-large",
            Self::PriceMissing => "price-missing",
            Self::PriceNotPositive => "price-not-positive",
            Self::PriceChanged => "price-changed",
            Self::MixedCurrencies => "mixed-currencies",
            Self::UnknownProduct => "unknown-product",
            Self::TotalTooLarge => "total-too-large",
            Self::NotInOrder => "not-in-order",
            Self::MoreThanIsLeft => "more-than-is-left",
        }
    }
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a draft is no order, or no return. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect::<Vec<_>>().join("\n"))]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn one(field: impl Into<String>, code: ProblemCode, message: impl Into<String>) -> Self {
        Self(vec![Problem { field: field.into(), code, message: message.into() }])
    }

    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }

    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }

    /// Nothing is wrong but that prices moved since the client looked: a conflict, not a mistake.
    pub fn are_only_changed_prices(&self) -> bool {
        self.0.iter().all(|problem| problem.code == ProblemCode::PriceChanged)
    }
}

/// Gathers problems while a draft is read.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Problem>);

impl Findings {
    pub(super) fn add(&mut self, field: impl Into<String>, code: ProblemCode, message: impl Into<String>) {
        self.0.push(Problem { field: field.into(), code, message: message.into() });
    }

    /// Fails with all that was found.
    pub(super) fn stop(self) -> Result<(), Problems> {
        if self.0.is_empty() { Ok(()) } else { Err(Problems(self.0)) }
    }
}
