//! Inventory: how much of each product there is, and for whom it is held.

mod application;
pub mod domain;

pub use application::{Ports, StockView, Stockroom, Warehouse, module};
