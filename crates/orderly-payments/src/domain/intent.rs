//! What we mean to take for an order, and what came of it.

use orderly_contracts::{CaptureId, Money};

use super::PaymentKey;

/// One payment, from the wish to its end. It takes at most its total, and at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    key: PaymentKey,
    total: Money,
    state: IntentState,
}

/// Where an intent stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntentState {
    /// On record; no answer yet.
    Requested,
    /// The provider answers later.
    Accepted,
    /// Money was taken: more than nothing, no more than the total.
    Captured { capture: CaptureId, amount: Money },
    /// It was taken, and given back whole.
    Refunded { capture: CaptureId, amount: Money },
    /// The provider will not take it.
    Declined { reason: String },
    /// We no longer want it.
    Voided,
}

impl IntentState {
    /// The state without what it carries, as it is stored and shown.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Accepted => "accepted",
            Self::Captured { .. } => "captured",
            Self::Refunded { .. } => "refunded",
            Self::Declined { .. } => "declined",
            Self::Voided => "voided",
        }
    }
}

/// What an event did to an intent. Events arrive more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Moved,
    /// It had happened already, or no longer matters: write nothing.
    Repeated,
}

impl Intent {
    /// # Errors
    ///
    /// [`IntentError::NothingToTake`] when the total is not positive.
    pub fn request(key: PaymentKey, total: Money) -> Result<Self, IntentError> {
        if !total.is_positive() {
            return Err(IntentError::NothingToTake { total });
        }
        Ok(Self { key, total, state: IntentState::Requested })
    }

    /// Reads back what was stored. It was checked when it was made.
    pub fn from_stored(key: PaymentKey, total: Money, state: IntentState) -> Self {
        Self { key, total, state }
    }

    pub fn key(&self) -> PaymentKey {
        self.key
    }

    pub fn total(&self) -> Money {
        self.total
    }

    pub fn state(&self) -> &IntentState {
        &self.state
    }

    /// What was taken and is kept.
    pub fn captured(&self) -> Money {
        match &self.state {
            IntentState::Captured { amount, .. } => *amount,
            IntentState::Requested
            | IntentState::Accepted
            | IntentState::Refunded { .. }
            | IntentState::Declined { .. }
            | IntentState::Voided => Money::zero(self.total.currency),
        }
    }

    pub fn is_paid_in_full(&self) -> bool {
        self.captured() == self.total
    }

    /// Whether its end is still to come.
    pub fn is_open(&self) -> bool {
        match &self.state {
            IntentState::Requested | IntentState::Accepted => true,
            IntentState::Captured { .. }
            | IntentState::Refunded { .. }
            | IntentState::Declined { .. }
            | IntentState::Voided => false,
        }
    }

    /// Whether money was taken and is kept.
    pub fn is_captured(&self) -> bool {
        self.captured().is_positive()
    }

    /// The provider will answer later. Behind any other answer this is old news.
    pub fn accept(&mut self) -> Change {
        match self.state {
            IntentState::Requested => self.move_to(IntentState::Accepted),
            IntentState::Accepted
            | IntentState::Captured { .. }
            | IntentState::Refunded { .. }
            | IntentState::Declined { .. }
            | IntentState::Voided => Change::Repeated,
        }
    }

    /// The provider took money.
    ///
    /// # Errors
    ///
    /// [`IntentError::AmountRefused`] when it took nothing, too much or another currency; [`IntentError::CapturedTwice`]
    /// when it had taken money under another id; [`IntentError::LateCapture`] when the intent had ended without money.
    /// In each of these the provider holds money that is not ours: it must be booked and given back.
    pub fn capture(&mut self, capture: CaptureId, amount: Money) -> Result<Change, IntentError> {
        if amount.currency != self.total.currency || !amount.is_positive() || amount.minor > self.total.minor {
            return Err(IntentError::AmountRefused { capture, amount, total: self.total });
        }
        match &self.state {
            IntentState::Requested | IntentState::Accepted => {
                Ok(self.move_to(IntentState::Captured { capture, amount }))
            }
            IntentState::Captured { capture: first, .. } | IntentState::Refunded { capture: first, .. }
                if *first == capture =>
            {
                Ok(Change::Repeated)
            }
            IntentState::Captured { capture: first, .. } | IntentState::Refunded { capture: first, .. } => {
                Err(IntentError::CapturedTwice { first: first.clone(), second: capture, amount })
            }
            IntentState::Declined { .. } | IntentState::Voided => Err(IntentError::LateCapture { capture, amount }),
        }
    }

    /// The provider will not take it. Behind a void this is what we wanted anyway.
    ///
    /// # Errors
    ///
    /// [`IntentError::AlreadyCaptured`]: the provider contradicts itself.
    pub fn decline(&mut self, reason: impl Into<String>) -> Result<Change, IntentError> {
        match &self.state {
            IntentState::Requested | IntentState::Accepted => {
                Ok(self.move_to(IntentState::Declined { reason: reason.into() }))
            }
            IntentState::Declined { .. } | IntentState::Voided => Ok(Change::Repeated),
            IntentState::Captured { capture, .. } | IntentState::Refunded { capture, .. } => {
                Err(IntentError::AlreadyCaptured { capture: capture.clone() })
            }
        }
    }

    /// We no longer want it. A declined intent stays declined: nothing was taken either way.
    ///
    /// # Errors
    ///
    /// [`IntentError::AlreadyCaptured`]: the way back is a refund.
    pub fn void(&mut self) -> Result<Change, IntentError> {
        match &self.state {
            IntentState::Requested | IntentState::Accepted => Ok(self.move_to(IntentState::Voided)),
            IntentState::Declined { .. } | IntentState::Voided => Ok(Change::Repeated),
            IntentState::Captured { capture, .. } | IntentState::Refunded { capture, .. } => {
                Err(IntentError::AlreadyCaptured { capture: capture.clone() })
            }
        }
    }

    /// What was taken was given back.
    ///
    /// # Errors
    ///
    /// [`IntentError::NothingToGiveBack`] when nothing was taken.
    pub fn refund(&mut self) -> Result<Change, IntentError> {
        match &self.state {
            IntentState::Captured { capture, amount } => {
                let (capture, amount) = (capture.clone(), *amount);
                Ok(self.move_to(IntentState::Refunded { capture, amount }))
            }
            IntentState::Refunded { .. } => Ok(Change::Repeated),
            IntentState::Requested | IntentState::Accepted | IntentState::Declined { .. } | IntentState::Voided => {
                Err(IntentError::NothingToGiveBack)
            }
        }
    }

    fn move_to(&mut self, state: IntentState) -> Change {
        self.state = state;
        Change::Moved
    }
}

/// Why an intent does not move. None of these goes away by asking again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntentError {
    #[error("there is nothing to take: the total is {total}")]
    NothingToTake { total: Money },
    #[error("capture {capture} took {amount} {} of {total} {}", .amount.currency, .total.currency)]
    AmountRefused { capture: CaptureId, amount: Money, total: Money },
    #[error("capture {second} took {amount} again after capture {first}")]
    CapturedTwice { first: CaptureId, second: CaptureId, amount: Money },
    #[error("capture {capture} of {amount} came after the intent had ended, and is to be refunded")]
    LateCapture { capture: CaptureId, amount: Money },
    #[error("capture {capture} took the money already")]
    AlreadyCaptured { capture: CaptureId },
    #[error("nothing was taken that could be given back")]
    NothingToGiveBack,
}

impl IntentError {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NothingToTake { .. } => "nothing-to-take",
            Self::AmountRefused { .. } => "capture-amount-refused",
            Self::CapturedTwice { .. } => "captured-twice",
            Self::LateCapture { .. } => "late-capture",
            Self::AlreadyCaptured { .. } => "already-captured",
            Self::NothingToGiveBack => "nothing-to-give-back",
        }
    }
}
