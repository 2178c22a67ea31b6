//! Asks the provider once what became of a payment of which nobody has heard. Whoever asks for it asks again.

use orderly_contracts::payments::PaymentInquiryRequested;
use wharf::{Bus, Envelope, Msg, Result, State, Tx, outside};

use super::{Answer, Inquiry, Ports, book_answer::book_answer};

pub(super) async fn check_payment(
    Msg(PaymentInquiryRequested { order }): Msg<PaymentInquiryRequested>,
    State(ports): State<Ports>,
    envelope: Envelope,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let Some(intent) = ports.ledger.look_up(&envelope.tenant, order).await? else { return Ok(()) };
    if !intent.is_open() || ports.gateway.rests_for().is_some() {
        return Ok(());
    }
    match outside(ports.gateway.inquire(intent.key())).await? {
        // Still being submitted, or still undecided: those who are at it go on.
        Ok(Inquiry::Unknown | Inquiry::Known(Answer::Pending { .. })) => Ok(()),
        Ok(Inquiry::Known(answer)) => book_answer(&ports, &mut tx, &bus, order, answer).await,
        Err(error) => {
            tracing::warn!(%order, %error, "nothing was learnt of the payment");
            Ok(())
        }
    }
}
