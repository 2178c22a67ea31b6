//! Calls an order's parcel back, or keeps it from ever leaving. If the carrier has it already, that is the answer.

use orderly_contracts::shipping::{OrderShipped, ShipmentCancelRequested, ShipmentCancelled};
use wharf::{Attempt, Bus, Msg, Permanent, Result, State, Tx, outside};

use super::{CarrierError, Consignment, Ports, Recall, taken::taken};
use crate::domain::{Change, Shipment, ShipmentKey};

pub(super) async fn cancel_shipment(
    Msg(request): Msg<ShipmentCancelRequested>,
    State(ports): State<Ports>,
    attempt: Attempt,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let ShipmentCancelRequested { order, has_left } = request;
    let answer = outside(call_back(&ports, ShipmentKey { order }, attempt)).await??;

    let found = ports.shipments.find(&mut tx, order).await?;
    // Called back before it was asked for: the tombstone keeps a late request from making a parcel.
    let mut shipment = found.unwrap_or_else(|| Shipment::request(order));
    let change = match answer {
        Recall::Stopped => {
            let change = shipment.cancel().permanent()?;
            bus.publish(ShipmentCancelled { order, has_left });
            change
        }
        Recall::TooLate { tracking, ask_again_after } => {
            let change = taken(&mut shipment, &bus, tracking.clone(), ask_again_after)?;
            if change == Change::Repeated {
                // Told before; who asks now may have missed it.
                bus.publish(OrderShipped { order, tracking });
            }
            change
        }
    };
    match change {
        Change::Moved => ports.shipments.save(&mut tx, &shipment).await,
        Change::Repeated => Ok(()),
    }
}

/// After a lost answer the carrier is first asked what it has. What it took or refused, no recall changes.
async fn call_back(ports: &Ports, key: ShipmentKey, attempt: Attempt) -> Result<Recall, CarrierError> {
    if attempt.is_repeat() {
        match ports.carrier.inquire(key).await? {
            Some(Consignment::Accepted { tracking, ask_again_after }) => {
                return Ok(Recall::TooLate { tracking, ask_again_after });
            }
            Some(Consignment::Refused { .. }) => return Ok(Recall::Stopped),
            None => {}
        }
    }
    ports.carrier.recall(key).await
}
