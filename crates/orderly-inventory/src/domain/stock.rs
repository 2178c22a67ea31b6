//! How much of one product there is: what can be sold, and what is promised already.

/// The stock of one product, in units. Neither part is ever negative, and their sum is what lies in the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    available: i64,
    reserved: i64,
    reorder_level: i64,
}

impl Stock {
    /// # Errors
    ///
    /// [`StockError::Negative`] for a negative part, [`StockError::Overflow`] when the sum is beyond an `i64`.
    pub fn new(available: i64, reserved: i64, reorder_level: i64) -> Result<Self, StockError> {
        if available < 0 || reserved < 0 || reorder_level < 0 {
            return Err(StockError::Negative);
        }
        available.checked_add(reserved).ok_or(StockError::Overflow)?;
        Ok(Self { available, reserved, reorder_level })
    }

    /// What can be sold.
    pub fn available(self) -> i64 {
        self.available
    }

    /// What is held for orders that have not shipped.
    pub fn reserved(self) -> i64 {
        self.reserved
    }

    /// At or below this many available units it is time to buy more.
    pub fn reorder_level(self) -> i64 {
        self.reorder_level
    }

    /// What lies in the warehouse: the sum of all movements.
    pub fn on_hand(self) -> i64 {
        self.available + self.reserved
    }

    pub fn is_low(self) -> bool {
        self.available <= self.reorder_level
    }

    /// Whether it has come down to its reorder level on the way from here to `after`: who asks at every step hears it once
    /// each time, and not while it stays there.
    pub fn runs_low(self, after: Self) -> bool {
        !self.is_low() && after.is_low()
    }

    /// Promises units to an order.
    ///
    /// # Errors
    ///
    /// [`StockError::NotPositive`]; [`StockError::Short`] when fewer are available.
    pub fn hold(self, units: i64) -> Result<Self, StockError> {
        let units = positive(units)?;
        if units > self.available {
            return Err(StockError::Short { wanted: units, available: self.available });
        }
        Ok(Self { available: self.available - units, reserved: self.reserved + units, ..self })
    }

    /// Takes a promise back: the units can be sold again.
    ///
    /// # Errors
    ///
    /// [`StockError::NotPositive`]; [`StockError::NotReserved`] when fewer are held.
    pub fn release(self, units: i64) -> Result<Self, StockError> {
        let units = self.held(units)?;
        Ok(Self { available: self.available + units, reserved: self.reserved - units, ..self })
    }

    /// Keeps a promise: the units have left the warehouse.
    ///
    /// # Errors
    ///
    /// [`StockError::NotPositive`]; [`StockError::NotReserved`] when fewer are held.
    pub fn commit(self, units: i64) -> Result<Self, StockError> {
        let units = self.held(units)?;
        Ok(Self { reserved: self.reserved - units, ..self })
    }

    /// New units arrive.
    ///
    /// # Errors
    ///
    /// [`StockError::NotPositive`]; [`StockError::Overflow`] when the warehouse would hold more than an `i64` counts.
    pub fn receive(self, units: i64) -> Result<Self, StockError> {
        let available = self.available.checked_add(positive(units)?).ok_or(StockError::Overflow)?;
        Self::new(available, self.reserved, self.reorder_level)
    }

    /// Somebody has counted: so many units lie in the warehouse. What is held for orders stays held.
    ///
    /// # Errors
    ///
    /// [`StockError::Negative`]; [`StockError::BelowReserved`] when fewer are there than are held.
    pub fn count(self, on_hand: i64) -> Result<Self, StockError> {
        if on_hand < 0 {
            return Err(StockError::Negative);
        }
        if on_hand < self.reserved {
            return Err(StockError::BelowReserved { on_hand, reserved: self.reserved });
        }
        Ok(Self { available: on_hand - self.reserved, ..self })
    }

    /// From now on it is low at `reorder_level` available units.
    ///
    /// # Errors
    ///
    /// [`StockError::Negative`].
    pub fn reorder_at(self, reorder_level: i64) -> Result<Self, StockError> {
        Self::new(self.available, self.reserved, reorder_level)
    }

    fn held(self, units: i64) -> Result<i64, StockError> {
        let units = positive(units)?;
        if units > self.reserved {
            return Err(StockError::NotReserved { wanted: units, reserved: self.reserved });
        }
        Ok(units)
    }
}

fn positive(units: i64) -> Result<i64, StockError> {
    if units > 0 { Ok(units) } else { Err(StockError::NotPositive { units }) }
}

/// Why stock does not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StockError {
    #[error("stock is never negative")]
    Negative,
    #[error("stock moves by at least one unit, not {units}")]
    NotPositive { units: i64 },
    #[error("{wanted} wanted, {available} available")]
    Short { wanted: i64, available: i64 },
    #[error("{wanted} to be taken from what is held, {reserved} held")]
    NotReserved { wanted: i64, reserved: i64 },
    #[error("{on_hand} on hand, {reserved} of them held")]
    BelowReserved { on_hand: i64, reserved: i64 },
    #[error("more units than can be counted")]
    Overflow,
}

impl StockError {
    /// Stable, for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Negative => "negative",
            Self::NotPositive { .. } => "not-positive",
            Self::Short { .. } => "short",
            Self::NotReserved { .. } => "not-reserved",
            Self::BelowReserved { .. } => "below-reserved",
            Self::Overflow => "too-many-units",
        }
    }
}
