//! Notifications: what customers are told of their orders, each thing once.

mod application;
pub mod domain;

pub use application::{NotificationView, Notifications, Outbox, Ports, module};
