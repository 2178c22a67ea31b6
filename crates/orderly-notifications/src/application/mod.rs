//! What the notifications module does: one consumer for each thing worth telling.

mod mailer;
mod notify;
mod order_completed;
mod order_expired;
mod ports;
mod send_notification;
mod tell;

pub use mailer::{Mail, MailError, Mailer};
pub use ports::{NotificationView, Notifications, Outbox, Ports, Unsent};
pub use send_notification::SendNotification;

use std::time::Duration;

use wharf::{Module, Retry};

/// A mail is tried again for so many times, each after twice as long as the one before: for four hours in all. A server
/// that greylists wants a few minutes.
const MAIL_RETRIES_MAX: u32 = 12;
const MAIL_RETRY_DELAY_MIN: Duration = Duration::from_secs(10);
const MAIL_RETRY_DELAY_MAX: Duration = Duration::from_secs(3_600);
/// Mail servers count connections; each mail has one of its own.
const MAILS_AT_ONCE_MAX: usize = 4;

/// The module, as a worker runs it.
pub fn module(ports: Ports) -> Module<Ports> {
    Module::new("notifications", ports)
        .consume("order-completed-event", order_completed::order_completed)
        .consume("order-expired-event", order_expired::order_expired)
        .consume("notify", notify::notify)
        .endpoint("mail", |endpoint| {
            let retry = Retry::exponential("mail", MAIL_RETRY_DELAY_MIN, MAIL_RETRY_DELAY_MAX, MAIL_RETRIES_MAX);
            endpoint
                .consume("send-notification", send_notification::send_notification)
                .retry(retry.with_jitter(0.25))
                .concurrency(MAILS_AT_ONCE_MAX)
        })
}
