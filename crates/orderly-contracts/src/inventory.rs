//! What the inventory module announces, accepts and answers.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wharf::{Key, Kind, Message};

use crate::{OrderId, ProductId, Tenant, message::messages_about_an_order, orders::Line};

messages_about_an_order! {
    "inventory.reservation-requested": Command InventoryReservationRequested by order,
    "inventory.reserved": Event InventoryReserved by order,
    "inventory.reservation-failed": Event InventoryReservationFailed by order,
    "inventory.release-requested": Command InventoryReleaseRequested by order,
    "inventory.released": Event InventoryReleased by order,
    "inventory.commit-requested": Command InventoryCommitRequested by order,
}

/// Hold every line for the order, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryReservationRequested {
    pub order: OrderId,
    pub lines: Vec<Line>,
}

/// Every line is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryReserved {
    pub order: OrderId,
}

/// Nothing is held, because some lines could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryReservationFailed {
    pub order: OrderId,
    /// In product order. Empty when the reservation had been released or refused before it was asked for.
    pub shortages: Vec<Shortage>,
}

/// A product of which there is less than the order wants. Both in units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shortage {
    pub product: ProductId,
    /// Summed over the order's lines.
    pub wanted: i64,
    pub available: i64,
}

/// Give back what is held for the order, now or when the reservation arrives late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryReleaseRequested {
    pub order: OrderId,
}

/// Nothing is held for the order, and nothing will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryReleased {
    pub order: OrderId,
}

/// What is held has left with the carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryCommitRequested {
    pub order: OrderId,
}

/// What can be sold of a product has come down to its reorder level. Said once each time it does, in the commit that does
/// it, and not again while it stays there. All in units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryRanLow {
    pub product: ProductId,
    pub available: i64,
    pub reorder_level: i64,
}

impl Message for InventoryRanLow {
    const NAME: &'static str = "inventory.ran-low";
    const KIND: Kind = Kind::Event;

    fn key(&self) -> Key {
        Key::new("product", self.product)
    }
}

/// How much of a product can be sold.
#[async_trait]
pub trait StockLevels: Send + Sync {
    /// The available units of each of `products` that this tenant's inventory knows; others are absent.
    async fn available(&self, tenant: &Tenant, products: &[ProductId]) -> wharf::Result<BTreeMap<ProductId, i64>>;
}
