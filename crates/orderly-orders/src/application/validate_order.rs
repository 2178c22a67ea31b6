//! `order-created-event`: checks a new order against the catalog and hands it to the saga with its facts.

use orderly_contracts::orders::{OrderCreatedEvent, OrderInvalid, OrderProblem, OrderValidated};
use wharf::{Bus, Msg, Result, State, Tx};

use super::Ports;
use crate::domain::{OrderStatus, Problem, require_known_products};

/// Prices were settled when the order was placed; what remains is that everything ordered exists.
pub(super) async fn validate_order(
    Msg(created): Msg<OrderCreatedEvent>,
    State(ports): State<Ports>,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let Some(order) = ports.book.find(&mut tx, created.order_id).await? else {
        tracing::warn!(order = %created.order_id, "OrderCreatedEvent for an order that does not exist");
        return Ok(());
    };
    if order.status != OrderStatus::Pending {
        tracing::info!(order = %created.order_id, status = %order.status, "order is no longer Pending; nothing to validate");
        return Ok(());
    }
    let products: Vec<_> = created.items.iter().map(|item| item.product_id).collect();
    let known = ports.catalog.products(&tx.tenant(), &products).await?;
    match require_known_products(&products, |product| known.contains_key(&product)) {
        Ok(()) => bus.publish(OrderValidated { order: order.placed }),
        Err(problems) => {
            let problems = problems.into_vec().into_iter().map(told).collect();
            bus.publish(OrderInvalid { order: order.placed, problems });
        }
    }
    Ok(())
}

fn told(problem: Problem) -> OrderProblem {
    OrderProblem { field: problem.field, code: problem.code.as_str().to_owned(), message: problem.message }
}
