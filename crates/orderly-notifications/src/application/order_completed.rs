//! `order-completed-event`: tells the customer that the order is paid.

use orderly_contracts::orders::OrderCompletedEvent;
use wharf::{Msg, Result, State, Tx};

use super::Ports;
use crate::domain::{Notification, completion_email};

pub(super) async fn order_completed(
    Msg(completed): Msg<OrderCompletedEvent>,
    State(ports): State<Ports>,
    mut tx: Tx,
) -> Result {
    let (order, customer, total) = (completed.order_id, completed.user_id, completed.total);
    if ports.outbox.add(&mut tx, customer, &Notification::completed(order, customer, total)).await? {
        tracing::info!(%order, "{}", completion_email(order, total));
    }
    Ok(())
}
