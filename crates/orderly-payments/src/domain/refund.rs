//! Giving back a part of what was taken, because a part of the order came back.

use orderly_contracts::{Money, MoneyError};

use super::{Intent, RefundKey};

/// What is to be given back for one return. All refunds of an order together are at most what was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refund {
    key: RefundKey,
    amount: Money,
    is_made: bool,
}

impl Refund {
    /// `earlier` are the order's other refunds, made or still asked for.
    ///
    /// # Errors
    ///
    /// [`RefundError`]; none of them goes away by asking again.
    pub fn request(key: RefundKey, amount: Money, intent: &Intent, earlier: &[Self]) -> Result<Self, RefundError> {
        if !amount.is_positive() {
            return Err(RefundError::NotPositive { amount });
        }
        let captured = intent.captured();
        let all = earlier.iter().try_fold(amount, |sum, refund| sum.checked_add(refund.amount))?;
        if all.currency != captured.currency {
            return Err(MoneyError::CurrencyMismatch { left: all.currency, right: captured.currency }.into());
        }
        if all.minor > captured.minor {
            return Err(RefundError::MoreThanTaken { refunds: all, captured });
        }
        Ok(Self { key, amount, is_made: false })
    }

    /// Reads back what was stored. It was checked when it was made.
    pub fn from_stored(key: RefundKey, amount: Money, is_made: bool) -> Self {
        Self { key, amount, is_made }
    }

    pub fn key(&self) -> RefundKey {
        self.key
    }

    pub fn amount(&self) -> Money {
        self.amount
    }

    /// Whether the provider has given it back.
    pub fn is_made(&self) -> bool {
        self.is_made
    }
}

/// Why nothing is given back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefundError {
    #[error("a refund is more than nothing, not {amount}")]
    NotPositive { amount: Money },
    #[error("{refunds} would be given back of {captured}")]
    MoreThanTaken { refunds: Money, captured: Money },
    #[error(transparent)]
    Amount(#[from] MoneyError),
}

impl RefundError {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotPositive { .. } => "refund-not-positive",
            Self::MoreThanTaken { .. } => "refund-more-than-taken",
            Self::Amount(_) => "refund-amount",
        }
    }
}
