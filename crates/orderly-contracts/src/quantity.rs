//! How many of a product an order line asks for: never nothing.

use std::{fmt, num::NonZeroU32};

use serde::{Deserialize, Serialize};

/// A count of units from 1 to 4,294,967,295; a plain integer on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Quantity(NonZeroU32);

impl Quantity {
    pub const ONE: Self = Self(NonZeroU32::MIN);

    /// # Errors
    ///
    /// [`QuantityError`] for what is below 1 or above `u32::MAX`.
    pub fn new(units: i64) -> Result<Self, QuantityError> {
        u32::try_from(units).ok().and_then(NonZeroU32::new).map(Self).ok_or(QuantityError { units })
    }

    /// The units, in the type that sums and databases use: no sum of real order lines overflows it.
    pub fn units(self) -> i64 {
        i64::from(self.0.get())
    }
}

impl TryFrom<i64> for Quantity {
    type Error = QuantityError;

    fn try_from(units: i64) -> Result<Self, Self::Error> {
        Self::new(units)
    }
}

impl From<Quantity> for i64 {
    fn from(quantity: Quantity) -> Self {
        quantity.units()
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a quantity is between 1 and {max}, not {units}", max = u32::MAX)]
pub struct QuantityError {
    pub units: i64,
}
