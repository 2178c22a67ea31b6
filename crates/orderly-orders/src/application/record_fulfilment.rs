//! Writes what the fulfilment saga records into the order book.

use std::sync::Arc;

use async_trait::async_trait;
use orderly_contracts::orders::PlacedOrder;
use wharf::{Recorder, Result, Tx};

use super::{Book, Fulfilment, OrderChange};

pub(super) struct FulfilmentRecorder {
    pub(super) book: Arc<dyn Book>,
}

#[async_trait]
impl Recorder<Fulfilment> for FulfilmentRecorder {
    async fn record(&self, tx: &mut Tx, order: &PlacedOrder, change: OrderChange) -> Result {
        self.book.apply(tx, order.order_id, &change).await?;
        if let OrderChange::Halted { reason } = &change {
            tracing::error!(order = %order.order_id, correlation = %order.correlation, reason, "order needs attention");
        } else {
            tracing::info!(order = %order.order_id, correlation = %order.correlation, ?change, "order moved");
        }
        Ok(())
    }
}
