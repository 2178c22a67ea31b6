//! `PUT /api/inventory/{product}`: what was counted, and when to buy more. `POST …/receipts`: what a supplier brought.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
};
use orderly_inventory::{
    AdjustStock, ReceiveStock, StockField, StockProblem, StockRefusal, adjust_stock, domain::StockError, receive_stock,
};
use serde::Deserialize;

use super::{StockBody, find, number, unknown};
use crate::http::{
    Shop,
    around::Cause,
    body::Sent,
    caller::Caller,
    problem::{FieldError, Kind, Problem},
    reference::check_reference,
};

/// What is left out stays as it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Adjustment {
    /// What lies in the warehouse, that which is held for orders included.
    on_hand: Option<i64>,
    reorder_level: Option<i64>,
    /// The client's own name for it, such as the number of a stock-take.
    reference: Option<String>,
}

#[derive(Deserialize)]
pub(in crate::http) struct Receipt {
    units: i64,
    /// The client's own name for it, such as the number of a delivery note. Under one reference a product is received once.
    reference: Option<String>,
}

pub(in crate::http) async fn adjust(
    State(shop): State<Shop>,
    Extension(cause): Extension<Cause>,
    caller: Caller,
    Path(product): Path<String>,
    Sent(Adjustment { on_hand, reorder_level, reference }): Sent<Adjustment>,
) -> Result<Json<StockBody>, Problem> {
    caller.require_staff()?;
    let product = number(&product)?;
    let mut errors: Vec<_> = check_reference(reference.as_deref()).err().into_iter().collect();
    if on_hand.is_none() && reorder_level.is_none() {
        let message = "Say what is on hand, the reorder level, or both.".to_owned();
        errors.push(FieldError { field: "onHand".to_owned(), code: "nothing-to-change", message });
    }
    refuse(errors)?;
    let mut work = shop.client.begin_on(&caller.0.tenant, cause.trail(caller.0.id))?;
    let wanted = AdjustStock { product, on_hand, reorder_level, reference };
    adjust_stock(&shop.inventory, &mut work, &wanted).await?;
    work.commit().await?;
    Ok(Json(find(&shop, &caller.0.tenant, product).await?.into()))
}

/// 201 when the units were put on the shelf, 200 when they were before.
pub(in crate::http) async fn receive(
    State(shop): State<Shop>,
    Extension(cause): Extension<Cause>,
    caller: Caller,
    Path(product): Path<String>,
    Sent(Receipt { units, reference }): Sent<Receipt>,
) -> Result<(StatusCode, Json<StockBody>), Problem> {
    caller.require_staff()?;
    let product = number(&product)?;
    refuse(check_reference(reference.as_deref()).err().into_iter().collect())?;
    let mut work = shop.client.begin_on(&caller.0.tenant, cause.trail(caller.0.id))?;
    let is_new = receive_stock(&shop.inventory, &mut work, &ReceiveStock { product, units, reference }).await?;
    work.commit().await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(find(&shop, &caller.0.tenant, product).await?.into())))
}

fn refuse(errors: Vec<FieldError>) -> Result<(), Problem> {
    let refused = || Problem::new(Kind::InvalidRequest, "The stock cannot be changed like this.");
    if errors.is_empty() { Ok(()) } else { Err(refused().with_errors(errors)) }
}

impl From<StockRefusal> for Problem {
    fn from(refusal: StockRefusal) -> Self {
        match refusal {
            StockRefusal::Unknown(product) => unknown(product),
            StockRefusal::Refused(problems) => {
                let is_held = |problem: &StockProblem| matches!(problem.error, StockError::BelowReserved { .. });
                let (kind, detail) = if problems.iter().all(is_held) {
                    (Kind::BelowReserved, "Cancel orders first, or count again.")
                } else {
                    (Kind::InvalidRequest, "The stock cannot be changed like this.")
                };
                Self::new(kind, detail).with_errors(problems.into_iter().map(told).collect())
            }
            StockRefusal::ReferenceTaken { units } => {
                let detail = format!("{units} units were received under this reference before; choose another.");
                Self::new(Kind::ReferenceTaken, detail)
            }
            StockRefusal::Failed(failure) => failure.into(),
        }
    }
}

fn told(StockProblem { field, error }: StockProblem) -> FieldError {
    let field = match field {
        StockField::OnHand => "onHand",
        StockField::ReorderLevel => "reorderLevel",
        StockField::Units => "units",
    };
    let message = match error {
        StockError::Negative => "There are never fewer than 0 units.".to_owned(),
        StockError::NotPositive { units } => format!("At least 1 unit moves, not {units}."),
        StockError::BelowReserved { on_hand, reserved } => {
            format!("{reserved} units are held for orders, more than {on_hand}.")
        }
        StockError::Overflow => "These are more units than can be counted.".to_owned(),
        StockError::Short { wanted, available } => format!("{wanted} are wanted, {available} available."),
        StockError::NotReserved { wanted, reserved } => format!("{wanted} are to go, {reserved} are held."),
    };
    FieldError { field: field.to_owned(), code: error.code(), message }
}
