//! The published language of orderly: all that one module may know of another.
//!
//! Plain values (ids, [`Money`], [`Quantity`], [`Role`], [`ReturnFate`]) stand at the root; commands, events and queries stand in the file
//! of the module that owns them. A module's domain may use the values and nothing else from here.

pub mod catalog;
pub mod identity;
pub mod inventory;
pub mod notifications;
pub mod orders;
pub mod payments;
pub mod shipping;

mod ids;
mod message;
mod money;
mod quantity;
mod return_fate;
mod role;

pub use ids::{CaptureId, CustomerId, NotificationId, OrderId, ProductId, ReturnNumber, TrackingNumber};
pub use money::{Currency, CurrencyError, Money, MoneyError};
pub use quantity::{Quantity, QuantityError};
pub use return_fate::{ReturnFate, UnknownReturnFate};
pub use role::{Role, UnknownRole};
/// Whose shop it is. Named here too for the edges, which need not know wharf.
pub use wharf::Tenant;
