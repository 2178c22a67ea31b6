//! The words, and the facts that stand beside them for programs.

use orderly_contracts::{CustomerId, Money, OrderId, TrackingNumber, orders::ExpiryCause};

use super::NotificationType;

/// The longest type that a row holds.
pub const TYPE_LENGTH_MAX_CHARS: usize = 50;
/// The longest message that a row holds.
pub const MESSAGE_LENGTH_MAX_CHARS: usize = 500;
/// The longest metadata, as a JSON object, that a row holds.
pub const METADATA_LENGTH_MAX_CHARS: usize = 2_000;

/// Words that are not ours (a carrier's number, a reason) are cut here. Even if JSON escapes each of their characters
/// (`\u0000`, six for one), message and metadata keep their limits.
const FOREIGN_TEXT_MAX_CHARS: usize = 200;

/// What a customer is told of an order. There is at most one of each type per order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    order: OrderId,
    kind: NotificationType,
    message: String,
    metadata: Vec<(&'static str, Fact)>,
}

/// One value of the metadata. The adapter that stores it decides how it looks in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    Number(i64),
    Amount(Money),
    /// Unix time in microseconds.
    Instant(i64),
    Text(String),
}

impl Notification {
    /// The order is paid.
    pub fn completed(order: OrderId, customer: CustomerId, total: Money) -> Self {
        Self::new(order, customer, NotificationType::OrderCompleted, format!("Order #{order} completed successfully"))
            .with("Total", Fact::Amount(total))
    }

    /// The order ran out of time.
    pub fn expired(order: OrderId, customer: CustomerId, cause: ExpiryCause, expired_at_us: i64) -> Self {
        let message = match cause {
            ExpiryCause::Stale => format!("Order #{order} expired after 10 minutes in Processing status"),
            ExpiryCause::Overdue => format!("Order #{order} expired: it could not be shipped within 30 minutes"),
        };
        Self::new(order, customer, NotificationType::OrderExpired, message)
            .with("ExpiredAt", Fact::Instant(expired_at_us))
    }

    /// A carrier has the parcel.
    pub fn shipped(order: OrderId, customer: CustomerId, tracking: &TrackingNumber) -> Self {
        let tracking = cut(tracking.as_str());
        let message = format!("Order #{order} is on its way; its tracking number is {tracking}");
        Self::new(order, customer, NotificationType::OrderShipped, message).with("Tracking", Fact::Text(tracking))
    }

    /// The customer has the parcel.
    pub fn delivered(order: OrderId, customer: CustomerId) -> Self {
        Self::new(order, customer, NotificationType::OrderDelivered, format!("Order #{order} was delivered"))
    }

    /// The order will not come. `reason` is a cancel reason in its text form; one that is not known yet is passed over in
    /// the message and kept in the metadata, so that a new reason needs no new release of this module.
    pub fn cancelled(order: OrderId, customer: CustomerId, reason: &str) -> Self {
        let because = match reason {
            "invalid" => ": it could not be accepted as it was placed",
            "out-of-stock" => ": not everything in it is in stock",
            "payment-declined" => ": the payment was declined",
            "customer" => ", as you asked",
            "shipping-failed" => ": it could not be shipped",
            _ => "",
        };
        Self::new(order, customer, NotificationType::OrderCancelled, format!("Order #{order} was cancelled{because}"))
            .with("Reason", Fact::Text(cut(reason)))
    }

    fn new(order: OrderId, customer: CustomerId, kind: NotificationType, message: String) -> Self {
        Self { order, kind, message, metadata: vec![("UserId", Fact::Number(customer.0))] }
    }

    fn with(mut self, name: &'static str, fact: Fact) -> Self {
        self.metadata.push((name, fact));
        self
    }

    pub fn order(&self) -> OrderId {
        self.order
    }

    pub fn kind(&self) -> NotificationType {
        self.kind
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    /// Named facts, each name once.
    pub fn metadata(&self) -> &[(&'static str, Fact)] {
        &self.metadata
    }
}

/// The line that stands for an e-mail where none is sent.
pub fn completion_email(order: OrderId, total: Money) -> String {
    format!("📧 FAKE EMAIL: Order #{order} completed! Total: ${total}")
}

fn cut(text: &str) -> String {
    text.chars().take(FOREIGN_TEXT_MAX_CHARS).collect()
}
