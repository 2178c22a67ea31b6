//! Placing an order: the row and its OrderCreatedEvent, in one commit.

use std::collections::BTreeMap;

use orderly_contracts::{
    Money, ProductId,
    orders::{OrderCreatedEvent, OrderedItem},
};
use wharf::{Failure, Tenant, UnitOfWork};

use super::{Ports, StoredOrder};
use crate::domain::{Draft, DraftLine, NewOrder, OrderLine, Pricing, Problems};

/// What a client wants placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOrder {
    /// The order itself, nothing of it believed yet.
    pub draft: Draft,
    /// The client's own name for it. Placing twice under one reference makes one order.
    pub reference: Option<String>,
}

/// An order that stands in the book once the unit of work commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The order.
    pub order: StoredOrder,
    /// Whether it is new, or was placed before under the same reference.
    pub is_new: bool,
}

/// Why no order was placed.
#[derive(Debug, thiserror::Error)]
pub enum PlacementError {
    /// The client's mistake.
    #[error(transparent)]
    Refused(#[from] Problems),
    /// Ours; trying again may help.
    #[error("the order could not be saved: {0}")]
    Failed(Failure),
}

impl From<Failure> for PlacementError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Checks the draft and writes the order. The caller commits.
///
/// # Errors
/// [`PlacementError::Refused`] with everything that is wrong with the draft.
pub async fn place_order(ports: &Ports, work: &mut UnitOfWork, wanted: &PlaceOrder) -> Result<Placed, PlacementError> {
    let order = parse(ports, &work.tx.tenant(), &wanted.draft).await?;
    let (stored, is_new) = ports.book.place(&mut work.tx, &order, wanted.reference.as_deref()).await?;
    if is_new {
        work.bus.publish(created(&stored, order.lines()));
        let (order, customer, total) = (stored.placed.order_id, stored.placed.customer, stored.placed.total);
        tracing::info!(%order, %customer, %total, "order placed");
    }
    Ok(Placed { order: stored, is_new })
}

async fn parse(ports: &Ports, tenant: &Tenant, draft: &Draft) -> Result<NewOrder, PlacementError> {
    let limits = &ports.settings.limits;
    let lines = draft.lines.iter().take(limits.lines_max);
    if ports.settings.trust_client_prices {
        // A client that gives every price, as a replay does, costs no look into the catalog.
        let prices = prices(ports, tenant, lines.filter(|line| line.unit_price.is_none())).await?;
        return Ok(NewOrder::parse(&completed(draft, &prices), Pricing::TrustClient, limits)?);
    }
    let prices = prices(ports, tenant, lines).await?;
    Ok(NewOrder::parse(draft, Pricing::Catalog(&prices), limits)?)
}

async fn prices(
    ports: &Ports,
    tenant: &Tenant,
    lines: impl Iterator<Item = &DraftLine>,
) -> Result<BTreeMap<ProductId, Money>, PlacementError> {
    let products: Vec<_> = lines.map(|line| line.product).collect();
    if products.is_empty() {
        return Ok(BTreeMap::new());
    }
    let known = ports.catalog.products(tenant, &products).await?;
    Ok(known.into_iter().map(|(id, product)| (id, product.price)).collect())
}

/// The draft with these prices where it gives none.
fn completed(draft: &Draft, prices: &BTreeMap<ProductId, Money>) -> Draft {
    let mut draft = draft.clone();
    for line in &mut draft.lines {
        line.unit_price = line.unit_price.or_else(|| prices.get(&line.product).copied());
    }
    draft
}

fn created(order: &StoredOrder, lines: &[OrderLine]) -> OrderCreatedEvent {
    let item = |line: &OrderLine| OrderedItem {
        product_id: line.product,
        quantity: line.quantity,
        unit_price: line.unit_price,
    };
    OrderCreatedEvent {
        order_id: order.placed.order_id,
        user_id: order.placed.customer,
        items: lines.iter().map(item).collect(),
        product_id: <[_; 1]>::try_from(lines).ok().map(|[only]| only.product),
        total: order.placed.total,
    }
}
