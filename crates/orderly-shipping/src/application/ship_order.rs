//! Hands an order's parcel to the carrier. Asked again, it first asks the carrier what it already has.

use orderly_contracts::shipping::{OrderShippingRequested, ShippingFailed};
use wharf::{Attempt, Bus, Envelope, Msg, Permanent, Result, State, Tx, outside};

use super::{CarrierError, Consignment, Ports, taken::taken};
use crate::domain::{Change, Shipment, ShipmentKey};

pub(super) async fn ship_order(
    Msg(request): Msg<OrderShippingRequested>,
    State(ports): State<Ports>,
    envelope: Envelope,
    attempt: Attempt,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let order = request.order;
    let before = ports.shipments.look_up(&envelope.tenant, order).await?;
    if before.as_ref().is_some_and(|shipment| !shipment.may_leave()) {
        return Ok(());
    }
    let is_repeat = request.again || attempt.is_repeat() || before.is_some();
    let answer = outside(hand_over(&ports, &request, is_repeat)).await??;

    let found = ports.shipments.find(&mut tx, order).await?;
    let mut shipment = found.unwrap_or_else(|| Shipment::request(order));
    let change = match answer {
        Consignment::Accepted { tracking, ask_again_after } => taken(&mut shipment, &bus, tracking, ask_again_after)?,
        Consignment::Refused { reason } => {
            let change = shipment.refuse(reason.as_str()).permanent()?;
            if change == Change::Moved {
                tracing::warn!(%order, reason, "parcel refused");
                bus.publish(ShippingFailed { order, reason });
            }
            change
        }
    };
    match change {
        Change::Moved => ports.shipments.save(&mut tx, &shipment).await,
        Change::Repeated => Ok(()),
    }
}

async fn hand_over(
    ports: &Ports,
    request: &OrderShippingRequested,
    is_repeat: bool,
) -> Result<Consignment, CarrierError> {
    let key = ShipmentKey { order: request.order };
    if is_repeat && let Some(known) = ports.carrier.inquire(key).await? {
        return Ok(known);
    }
    ports.carrier.ship(key, &request.lines).await
}
