//! `order-completed-event`: tells the customer that the order is paid.

use orderly_contracts::orders::OrderCompletedEvent;
use wharf::{Bus, Msg, Result, State, Tx};

use super::{Ports, tell::tell};
use crate::domain::{Notification, completion_email};

pub(super) async fn order_completed(
    Msg(completed): Msg<OrderCompletedEvent>,
    State(ports): State<Ports>,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let (order, customer, total) = (completed.order_id, completed.user_id, completed.total);
    let told = Notification::completed(order, customer, total);
    if tell(&ports, &mut tx, &bus, customer, &told).await? && ports.mailer.is_none() {
        tracing::info!(%order, "{}", completion_email(order, total));
    }
    Ok(())
}
