//! Why stock does not change as its staff want.

use orderly_contracts::ProductId;
use wharf::{Failure, Tx};

use super::Ports;
use crate::domain::{Stock, StockError};

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum StockRefusal {
    /// No stock is kept of it.
    #[error("there is no stock of product {0}")]
    Unknown(ProductId),
    /// The client's mistake, or a matter of how things stand: [`StockError::BelowReserved`].
    #[error("the stock breaks rules")]
    Refused(Vec<StockProblem>),
    /// Other units were received under this reference.
    #[error("{units} units were received under this reference before")]
    ReferenceTaken {
        /// So many.
        units: i64,
    },
    /// Ours; trying again may help.
    #[error("the stock could not be saved: {0}")]
    Failed(Failure),
}

/// What is wrong with one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockProblem {
    /// Which.
    pub field: StockField,
    /// What is wrong with it.
    pub error: StockError,
}

/// What staff say about stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StockField {
    /// What was counted.
    OnHand,
    /// When to buy more.
    ReorderLevel,
    /// What was brought.
    Units,
}

impl From<Failure> for StockRefusal {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Ports {
    /// The stock of a product, kept from others until the end of the transaction.
    pub(super) async fn on_shelf(&self, tx: &mut Tx, product: ProductId) -> Result<Stock, StockRefusal> {
        let stock = self.stockroom.stock(tx, &[product]).await?;
        stock.get(&product).copied().ok_or(StockRefusal::Unknown(product))
    }
}
