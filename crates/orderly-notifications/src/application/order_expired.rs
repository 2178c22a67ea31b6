//! `order-expired-event`: tells the customer that the order ran out of time.

use orderly_contracts::orders::OrderExpiredEvent;
use wharf::{Bus, Envelope, Msg, Result, State, Tx};

use super::{Ports, tell::tell};
use crate::domain::Notification;

pub(super) async fn order_expired(
    Msg(expired): Msg<OrderExpiredEvent>,
    State(ports): State<Ports>,
    envelope: Envelope,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let (order, customer) = (expired.order_id, expired.user_id);
    let told = Notification::expired(order, customer, expired.cause, envelope.sent_at.as_micros());
    if tell(&ports, &mut tx, &bus, customer, &told).await? {
        tracing::warn!(%order, "{}", told.message());
    }
    Ok(())
}
