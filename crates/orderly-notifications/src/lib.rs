//! Notifications: what customers are told of their orders, each thing once.

mod application;
pub mod domain;

pub use application::{
    Mail, MailError, Mailer, NotificationView, Notifications, Outbox, Ports, SendNotification, Unsent, module,
};
