//! `/api/orders`: placing, reading, cancelling and taking back. A customer sees only its own; admins and staff see all.

mod answer;
mod cancel;
mod place;
mod read;
mod take_back;

pub(super) use cancel::cancel;
pub(super) use place::place;
pub(super) use read::{events, list, one};
pub(super) use take_back::take_back;

use orderly_contracts::OrderId;
use orderly_orders::OrderView;

use super::{
    Shop,
    caller::Caller,
    problem::{Kind, Problem},
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
