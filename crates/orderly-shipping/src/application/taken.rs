//! The carrier has a parcel: the saga is told, and the parcel is followed.

use std::time::Duration;

use orderly_contracts::{TrackingNumber, shipping::OrderShipped};
use wharf::{Bus, Permanent, Result};

use super::TrackShipment;
use crate::domain::{Change, Shipment, ShipmentState};

/// Books that the carrier has it. Booked before, it is followed already.
pub(super) fn taken(
    shipment: &mut Shipment,
    bus: &Bus,
    tracking: TrackingNumber,
    ask_again_after: Duration,
) -> Result<Change> {
    let order = shipment.order();
    let was_called_back = *shipment.state() == ShipmentState::Cancelled;
    let change = shipment.accept(tracking.clone()).permanent()?;
    if was_called_back {
        tracing::error!(%order, %tracking, "the carrier took a parcel after it had said that it would not");
    }
    if change == Change::Moved {
        tracing::info!(%order, %tracking, "parcel handed over");
        bus.publish(OrderShipped { order, tracking });
        bus.send_after(ask_again_after, TrackShipment { order });
    }
    Ok(change)
}
