//! The rules of telling: what a customer is told of an order, in which words, and once.

mod kind;
mod notification;

pub use kind::{NotificationType, UnknownNotificationType};
pub use notification::{
    Fact, MESSAGE_LENGTH_MAX_CHARS, METADATA_LENGTH_MAX_CHARS, Notification, TYPE_LENGTH_MAX_CHARS, completion_email,
};
