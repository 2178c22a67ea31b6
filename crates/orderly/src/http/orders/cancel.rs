//! `POST /api/orders/{id}/cancel`: asks for a cancellation. The answer comes with the order's events.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use orderly_orders::{CancelError, CancelOutcome};
use serde::Deserialize;

use super::{answer::OrderBody, find, number, unknown};
use crate::http::{
    Shop,
    around::Cause,
    body::MaybeSent,
    caller::Caller,
    problem::{Kind, Problem},
    reference::check_reference,
};

#[derive(Default, Deserialize)]
pub(in crate::http) struct Cancellation {
    /// The client's own name for the cancellation, such as a credit note's number.
    reference: Option<String>,
}

/// 202 when the saga is to decide, 200 when the order was cancelled before.
pub(in crate::http) async fn cancel(
    State(shop): State<Shop>,
    Extension(cause): Extension<Cause>,
    caller: Caller,
    Path(id): Path<String>,
    MaybeSent(cancellation): MaybeSent<Cancellation>,
) -> Result<Response, Problem> {
    let order = number(&id)?;
    let Cancellation { reference } = cancellation.unwrap_or_default();
    if let Err(error) = check_reference(reference.as_deref()) {
        return Err(
            Problem::new(Kind::InvalidRequest, "The order cannot be cancelled like this.").with_errors(vec![error])
        );
    }
    let mut work = shop.client.begin_on(&caller.0.tenant, cause.trail(caller.0.id))?;
    let outcome =
        orderly_orders::cancel_order(&shop.orders, &mut work, order, caller.only_of(), reference.as_deref()).await?;
    work.commit().await?;
    let status = match outcome {
        CancelOutcome::Requested => StatusCode::ACCEPTED,
        CancelOutcome::AlreadyCancelled => StatusCode::OK,
    };
    let body = OrderBody::from(find(&shop, &caller, &id).await?);
    Ok((status, [(header::LOCATION, format!("/api/orders/{order}/events"))], Json(body)).into_response())
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::Unknown(order) => unknown(order),
            CancelError::TooLate(late) => {
                Self::new(Kind::NoLongerCancellable, format!("{late}. Once it is delivered it can be sent back."))
            }
            CancelError::Failed(failure) => failure.into(),
        }
    }
}
