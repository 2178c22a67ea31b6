//! `notify`: tells the customer of what the saga says happened.

use orderly_contracts::notifications::{Notice, NotificationRequested};
use wharf::{Bus, Msg, Result, State, Tx};

use super::{Ports, tell::tell};
use crate::domain::Notification;

pub(super) async fn notify(
    Msg(request): Msg<NotificationRequested>,
    State(ports): State<Ports>,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let (order, customer) = (request.order, request.customer);
    let told = match &request.notice {
        Notice::Shipped { tracking } => Notification::shipped(order, customer, tracking),
        Notice::Delivered => Notification::delivered(order, customer),
        Notice::Cancelled { reason } => Notification::cancelled(order, customer, reason),
    };
    if tell(&ports, &mut tx, &bus, customer, &told).await? {
        tracing::debug!(%order, "{}", told.message());
    }
    Ok(())
}
