//! Asks the carrier where a parcel is, until the customer has it.

use orderly_contracts::{OrderId, shipping::OrderDelivered};
use serde::{Deserialize, Serialize};
use wharf::{Bus, Envelope, Key, Kind, Message, Msg, Permanent, Result, State, Tx, outside};

use super::{Ports, Progress};
use crate::domain::Change;

/// Ask where an order's parcel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackShipment {
    pub order: OrderId,
}

impl Message for TrackShipment {
    const NAME: &'static str = "shipping.track";
    const KIND: Kind = Kind::Command;

    fn key(&self) -> Key {
        Key::new("order", self.order)
    }
}

pub(super) async fn track_shipment(
    Msg(TrackShipment { order }): Msg<TrackShipment>,
    State(ports): State<Ports>,
    envelope: Envelope,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let shipment = ports.shipments.look_up(&envelope.tenant, order).await?;
    let Some(tracking) = shipment.and_then(|shipment| shipment.tracking().cloned()) else { return Ok(()) };
    match outside(ports.carrier.track(&tracking)).await?? {
        Progress::InTransit { ask_again_after } => bus.send_after(ask_again_after, TrackShipment { order }),
        Progress::Delivered => {
            let Some(mut shipment) = ports.shipments.find(&mut tx, order).await? else { return Ok(()) };
            if shipment.deliver(tracking.clone()).permanent()? == Change::Moved {
                ports.shipments.save(&mut tx, &shipment).await?;
                tracing::info!(%order, %tracking, "parcel delivered");
                bus.publish(OrderDelivered { order, tracking });
            }
        }
    }
    Ok(())
}
