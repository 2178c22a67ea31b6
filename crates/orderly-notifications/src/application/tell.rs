//! Telling: the row first, and in the same commit the wish that it be mailed.

use orderly_contracts::CustomerId;
use wharf::{Bus, Result, Tx};

use super::{Ports, SendNotification};
use crate::domain::Notification;

/// Writes a notification. `false` when the order was told of this already; then nothing is mailed either.
pub(super) async fn tell(
    ports: &Ports,
    tx: &mut Tx,
    bus: &Bus,
    customer: CustomerId,
    told: &Notification,
) -> Result<bool> {
    let is_new = ports.outbox.add(tx, customer, told).await?;
    if is_new && ports.mailer.is_some() {
        bus.send(SendNotification { order: told.order(), kind: told.kind().as_str().to_owned() });
    }
    Ok(is_new)
}
