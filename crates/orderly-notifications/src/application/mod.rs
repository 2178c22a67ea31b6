//! What the notifications module does: one consumer for each thing worth telling.

mod notify;
mod order_completed;
mod order_expired;
mod ports;

pub use ports::{NotificationView, Notifications, Outbox, Ports};

use wharf::Module;

/// The module, as a worker runs it.
pub fn module(ports: Ports) -> Module<Ports> {
    Module::new("notifications", ports)
        .consume("order-completed-event", order_completed::order_completed)
        .consume("order-expired-event", order_expired::order_expired)
        .consume("notify", notify::notify)
}
