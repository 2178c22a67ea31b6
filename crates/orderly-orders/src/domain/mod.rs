//! The rules of an order: what may be placed, what it may become, when it can still be cancelled, and what can come back.

mod cancellation;
mod draft;
mod item_return;
mod new_order;
mod problem;
mod status;

pub use cancellation::{CancelReason, NoLongerCancellable, UnknownCancelReason};
pub use draft::{Draft, DraftLine};
pub use item_return::{ItemReturn, ItemReturnLine, NotReturnable, ReturnDraft, ReturnDraftLine, SoldLine};
pub use new_order::{NewOrder, OrderLimits, OrderLine, Pricing, require_known_products};
pub use problem::{Problem, ProblemCode, Problems};
pub use status::{IllegalTransition, OrderStatus, Phase, UnknownStatus, check_history};
