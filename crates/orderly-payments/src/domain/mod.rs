//! The rules of payment: one intent per order, taken at most once, whatever the provider answers and when.

mod attempt;
mod intent;
mod key;
mod refund;

pub use attempt::{AttemptState, IllegalAttempt, UnknownAttemptState};
pub use intent::{Change, Intent, IntentError, IntentState};
pub use key::{IntentNumber, PaymentKey, RefundKey, UnknownPaymentKey};
pub use refund::{Refund, RefundError};
