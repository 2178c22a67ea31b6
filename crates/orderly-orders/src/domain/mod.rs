//! The rules of an order: what may be placed, what it may become, and when it can still be cancelled.

mod cancellation;
mod draft;
mod new_order;
mod problem;
mod status;

pub use cancellation::{CancelReason, NoLongerCancellable, UnknownCancelReason};
pub use draft::{Draft, DraftLine};
pub use new_order::{NewOrder, OrderLimits, OrderLine, Pricing, require_known_products};
pub use problem::{Problem, ProblemCode, Problems};
pub use status::{IllegalTransition, OrderStatus, Phase, UnknownStatus, check_history};
