//! Inventory: how much of each product there is, and for whom it is held.

mod application;
pub mod domain;

pub use application::{
    AdjustStock, MonitorStock, MovementView, Ports, ReceiveStock, Settings, StockField, StockProblem, StockRefusal,
    StockView, Stockroom, Warehouse, adjust_stock, module, receive_stock,
};
