//! The parcels of orders.

use async_trait::async_trait;
use orderly_contracts::{OrderId, Tenant, TrackingNumber};
use orderly_shipping::{
    Shipments,
    domain::{Shipment, ShipmentState},
};
use sqlx::FromRow;
use wharf::{Failure, Result, Tx};

use super::{Adapters, connection};

#[derive(FromRow)]
struct ShipmentRow {
    state: String,
    tracking: Option<String>,
    reason: Option<String>,
}

const LOOK_UP: &str = "
SELECT state, tracking, reason FROM shipments WHERE tenant = $1 AND order_id = $2";

const FIND: &str = sql!("
SELECT state, tracking, reason FROM shipments WHERE tenant = $1 AND order_id = $2" locked);

/// What was delivered stays so: one that comes while another transaction writes it replaces nothing.
const SAVE: &str = sql!("
INSERT INTO shipments (tenant, order_id, state, tracking, reason, updated_at) VALUES ($2, $3, $4, $5, $6, " now ")
ON CONFLICT (tenant, order_id) DO UPDATE
SET state = excluded.state, tracking = excluded.tracking, reason = excluded.reason, updated_at = excluded.updated_at
WHERE shipments.state <> 'delivered'");

#[async_trait]
impl Shipments for Adapters {
    async fn look_up(&self, tenant: &Tenant, order: OrderId) -> Result<Option<Shipment>> {
        let query = sqlx::query_as(LOOK_UP).bind(tenant.as_str()).bind(order.0);
        let found: Option<ShipmentRow> = query.fetch_optional(&self.pool).await?;
        found.map(|row| row.read(order)).transpose()
    }

    async fn find(&self, tx: &mut Tx, order: OrderId) -> Result<Option<Shipment>> {
        let tenant = tx.tenant();
        let query = sqlx::query_as(FIND).bind(tenant.as_str()).bind(order.0);
        let found: Option<ShipmentRow> = query.fetch_optional(connection(tx).await?).await?;
        found.map(|row| row.read(order)).transpose()
    }

    async fn save(&self, tx: &mut Tx, shipment: &Shipment) -> Result {
        let tenant = tx.tenant();
        let (order, state) = (shipment.order(), shipment.state());
        let reason = match state {
            ShipmentState::Refused { reason } => Some(reason.as_str()),
            ShipmentState::Requested
            | ShipmentState::Accepted { .. }
            | ShipmentState::Delivered { .. }
            | ShipmentState::Cancelled => None,
        };
        let query = sqlx::query(SAVE)
            .bind(self.now())
            .bind(tenant.as_str())
            .bind(order.0)
            .bind(state.name())
            .bind(shipment.tracking().map(TrackingNumber::as_str))
            .bind(reason);
        match query.execute(connection(tx).await?).await?.rows_affected() {
            1 => Ok(()),
            _ => Err(Failure::retry(format!("the shipment of order {order} was delivered at the same time"))),
        }
    }
}

impl ShipmentRow {
    fn read(self, order: OrderId) -> Result<Shipment> {
        let state = match (self.state.as_str(), self.tracking.map(TrackingNumber::new), self.reason) {
            ("requested", None, None) => ShipmentState::Requested,
            ("accepted", Some(tracking), None) => ShipmentState::Accepted { tracking },
            ("delivered", Some(tracking), None) => ShipmentState::Delivered { tracking },
            ("refused", None, Some(reason)) => ShipmentState::Refused { reason },
            ("cancelled", None, None) => ShipmentState::Cancelled,
            (other, ..) => {
                return Err(Failure::retry(format!("the row of order {order}'s shipment, {other}, makes no sense")));
            }
        };
        Ok(Shipment::from_stored(order, state))
    }
}
