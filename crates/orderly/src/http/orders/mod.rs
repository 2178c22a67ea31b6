//! `/api/orders`: placing, reading and cancelling. A customer sees only its own; admins and staff see all.

mod answer;
mod cancel;
mod place;
mod read;

pub(super) use cancel::cancel;
pub(super) use place::place;
pub(super) use read::{events, list, one};

use orderly_contracts::OrderId;
use orderly_orders::OrderView;

use super::{
    Shop,
    caller::Caller,
    problem::{FieldError, Kind, Problem},
};

/// The order of this number, if it is there for the caller. A number that is none names no order.
async fn find(shop: &Shop, caller: &Caller, id: &str) -> Result<OrderView, Problem> {
    let order = shop.infrastructure.orders.order(&caller.0.tenant, number(id)?).await?;
    order.filter(|order| caller.0.may_see_what_belongs_to(order.customer)).ok_or_else(|| unknown(id))
}

fn number(id: &str) -> Result<OrderId, Problem> {
    id.parse().map_err(|_| unknown(id))
}

fn unknown(id: impl std::fmt::Display) -> Problem {
    Problem::new(Kind::UnknownOrder, format!("There is no order {id}."))
}

/// A client's own name for something: short enough to be kept.
fn check_reference(reference: Option<&str>) -> Result<(), FieldError> {
    use super::limits::REFERENCE_LENGTH_MAX_CHARS as MOST;
    match reference.map(|text| text.chars().count()) {
        None | Some(1..=MOST) => Ok(()),
        Some(length) => Err(FieldError {
            field: "reference".to_owned(),
            code: "reference-length",
            message: format!("A reference has 1 to {MOST} characters, not {length}."),
        }),
    }
}
