//! `POST /api/orders/{id}/returns`: staff have looked at what came back of a delivered order. The refund follows.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
};
use orderly_contracts::{OrderId, ProductId, ReturnFate};
use orderly_orders::{
    ReturnError, ReturnItems, Returned,
    domain::{Problem as Broken, ReturnDraft, ReturnDraftLine},
    return_items,
};
use serde::{Deserialize, Serialize};

use super::{number, unknown};
use crate::http::{
    Shop,
    amount::Amount,
    around::Cause,
    body::Sent,
    caller::Caller,
    problem::{FieldError, Kind, Problem},
    reference::check_reference,
};

#[derive(Deserialize)]
pub(in crate::http) struct Wanted {
    /// The client's own name for the return. Under one reference the same comes back once.
    reference: String,
    items: Vec<WantedItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WantedItem {
    product_id: i64,
    quantity: i64,
    fate: ReturnFate,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ReturnBody {
    order_id: i64,
    /// Which of the order's.
    number: i64,
    reference: String,
    refund: Amount,
    currency: String,
    items: Vec<ReturnedItemBody>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReturnedItemBody {
    product_id: i64,
    quantity: i64,
    fate: ReturnFate,
}

/// 201 when it was taken back, 200 when it was before.
pub(in crate::http) async fn take_back(
    State(shop): State<Shop>,
    Extension(cause): Extension<Cause>,
    caller: Caller,
    Path(id): Path<String>,
    Sent(Wanted { reference, items }): Sent<Wanted>,
) -> Result<(StatusCode, Json<ReturnBody>), Problem> {
    caller.require_staff()?;
    let order = number(&id)?;
    check_reference(Some(&reference)).map_err(|error| refused(vec![error]))?;
    let line =
        |WantedItem { product_id, quantity, fate }| ReturnDraftLine { product: ProductId(product_id), quantity, fate };
    let draft = ReturnDraft { lines: items.into_iter().map(line).collect() };
    let wanted = ReturnItems { order, reference, draft };
    let mut work = shop.client.begin_on(&caller.0.tenant, cause.trail(caller.0.id))?;
    let returned = return_items(&shop.orders, &mut work, &wanted, caller.only_of()).await?;
    work.commit().await?;
    let status = if returned.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(ReturnBody::of(order, wanted.reference, &returned))))
}

fn refused(errors: Vec<FieldError>) -> Problem {
    Problem::new(Kind::InvalidRequest, "This cannot be taken back.").with_errors(errors)
}

impl ReturnBody {
    fn of(order: OrderId, reference: String, returned: &Returned) -> Self {
        let items = &returned.stored.items;
        let item = |((product, fate), quantity): ((ProductId, _), _)| ReturnedItemBody {
            product_id: product.0,
            quantity,
            fate,
        };
        Self {
            order_id: order.0,
            number: returned.stored.number.0,
            reference,
            refund: Amount(items.refund()),
            currency: items.refund().currency.to_string(),
            items: items.units().into_iter().map(item).collect(),
        }
    }
}

impl From<ReturnError> for Problem {
    fn from(error: ReturnError) -> Self {
        match error {
            ReturnError::Unknown(order) => unknown(order),
            ReturnError::NotReturnable(early) => Self::new(Kind::NotReturnable, format!("{early}.")),
            ReturnError::Refused(problems) => {
                let told = |Broken { field, code, message }: Broken| FieldError { field, code: code.as_str(), message };
                refused(problems.into_vec().into_iter().map(told).collect())
            }
            ReturnError::ReferenceTaken { number } => {
                Self::new(Kind::ReferenceTaken, format!("Return {number} has this reference; choose another."))
            }
            ReturnError::Failed(failure) => failure.into(),
        }
    }
}
