//! Mails what was told, in a delivery of its own: a mail server that is away holds up no order.
//!
//! The row says what was sent, so a copy of this message sends nothing. Only who dies between the server's word and the
//! commit that notes it sends a second time, under the same name: outside this database it is at least once.

use orderly_contracts::OrderId;
use serde::{Deserialize, Serialize};
use wharf::{Envelope, Key, Kind, Message, Msg, Permanent, Result, State, Tenant, Tx, outside};

use super::{Mail, MailError, Ports, Unsent};
use crate::domain::NotificationType;

/// Mail what an order's customer was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendNotification {
    pub order: OrderId,
    /// Of the notification, such as `OrderShipped`.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Message for SendNotification {
    const NAME: &'static str = "notifications.send";
    const KIND: Kind = Kind::Command;

    fn key(&self) -> Key {
        Key::new("order", self.order)
    }
}

pub(super) async fn send_notification(
    Msg(SendNotification { order, kind }): Msg<SendNotification>,
    State(ports): State<Ports>,
    envelope: Envelope,
    mut tx: Tx,
) -> Result {
    let kind: NotificationType = kind.parse().permanent()?;
    let tenant = &envelope.tenant;
    let Some(unsent) = ports.outbox.unsent(tenant, order, kind).await? else { return Ok(()) };
    let Some(mailer) = &ports.mailer else {
        tracing::info!(%order, %kind, "not mailed: mail is not sent any more");
        return Ok(());
    };
    let Some(to) = ports.customers.email_of(tenant, unsent.customer).await? else {
        tracing::info!(%order, %kind, "not mailed: the customer has no address");
        return Ok(());
    };
    match outside(mailer.send(&mail(tenant, order, kind, to, unsent))).await? {
        Ok(()) => {
            ports.outbox.is_sent(&mut tx, order, kind).await?;
            tracing::info!(%order, %kind, "mailed");
            Ok(())
        }
        Err(error @ MailError::NotYet(_)) => Err(error.into()),
        Err(error @ MailError::Never(_)) => Err(error).permanent(),
    }
}

fn mail(tenant: &Tenant, order: OrderId, kind: NotificationType, to: String, unsent: Unsent) -> Mail {
    Mail {
        to,
        subject: kind.subject(order),
        text: format!("{}.\n", unsent.message),
        name: format!("{kind}.{order}.{}", in_letters(tenant.as_str())),
        written_at: unsent.told_at,
    }
}

/// A tenant's name in what a mail may be called by: whatever else stands in it is told by its number.
fn in_letters(name: &str) -> String {
    let letters = name.chars().map(|char| match char {
        'a'..='z' | 'A'..='Z' | '0'..='9' => char.to_string(),
        other => format!("-{:x}-", u32::from(other)),
    });
    letters.collect()
}
