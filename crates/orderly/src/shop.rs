//! The shop as a replay and a demo see it: they place and cancel orders, persistently, and watch them come to their ends.

use std::time::Duration;

use anyhow::{Context, anyhow};
use orderly_catalog::NewProduct;
use orderly_contracts::{OrderId, ProductId, Tenant};
use orderly_infrastructure::Infrastructure;
use orderly_orders::{
    CancelError, Pace, PlaceOrder, PlacementError, Ports, ReturnError, ReturnItems, Totals, cancel_order, place_order,
    return_items,
};
use wharf::{Client, DeadLetterFilter, Timestamp};

use crate::app::App;

/// How often a step is tried whose failure may pass: a lost connection, a busy database.
const ATTEMPTS_MAX: u32 = 5;
/// Before the second attempt; doubled before each that follows.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// How the shop stands once everything has come to its end.
pub(crate) struct Standing {
    pub(crate) totals: Totals,
    /// Of orders since the run began.
    pub(crate) pace: Pace,
    pub(crate) dead_letters: u64,
    /// Deliveries that this process settled.
    pub(crate) messages: u64,
    /// Commits of this process.
    pub(crate) commits: u64,
}

/// What placing an order needs; shared by all that are being placed.
pub(crate) struct Shop {
    pub(crate) client: Client,
    pub(crate) infrastructure: Infrastructure,
    pub(crate) orders: Ports,
    pub(crate) tenant: Tenant,
}

impl Shop {
    /// Everything it needs outlives the application's worker.
    pub(crate) fn of(app: &App) -> Self {
        let (client, infrastructure, orders) =
            (app.client.clone(), app.infrastructure.clone(), app.order_ports.clone());
        Self { client, infrastructure, orders, tenant: Tenant::default() }
    }

    /// Writes products and their opening stock, in one commit. What an earlier run wrote of either stays as it is. Answers
    /// with their numbers, in the same order.
    pub(crate) async fn stock(&self, goods: &[(NewProduct, i64)]) -> anyhow::Result<Vec<ProductId>> {
        let products: Vec<_> = goods.iter().map(|(product, _)| product.clone()).collect();
        let mut work = self.client.begin(&self.tenant)?;
        let ids = self.infrastructure.products.add(&mut work.tx, &products).await;
        let ids = ids.map_err(|failure| anyhow!("cannot write the products: {failure}"))?;
        let opening: Vec<_> = ids.iter().copied().zip(goods.iter().map(|(_, units)| *units)).collect();
        let opened = self.infrastructure.warehouse.open(&mut work.tx, &opening).await;
        opened.map_err(|failure| anyhow!("cannot write the opening stock: {failure}"))?;
        work.commit().await.context("cannot write the products and their opening stock")?;
        Ok(ids)
    }

    /// Places an order, once under its reference.
    pub(crate) async fn place(&self, doing: &str, wanted: &PlaceOrder) -> anyhow::Result<()> {
        persist(doing, || async {
            let mut work = self.client.begin(&self.tenant)?;
            match place_order(&self.orders, &mut work, wanted).await {
                Ok(_) => Ok(work.commit().await?),
                Err(PlacementError::Refused(problems)) => Err(Refusal::Final(anyhow!(problems))),
                Err(PlacementError::Failed(failure)) => Err(Refusal::Passing(anyhow!("{failure}"))),
            }
        })
        .await
    }

    /// Asks for an order to be cancelled, unless it has gone too far.
    pub(crate) async fn cancel(&self, doing: &str, order: OrderId, reference: &str) -> anyhow::Result<()> {
        persist(doing, || async {
            let mut work = self.client.begin(&self.tenant)?;
            match cancel_order(&self.orders, &mut work, order, None, Some(reference)).await {
                Ok(_) => Ok(work.commit().await?),
                Err(CancelError::TooLate(_)) => Ok(work.rollback().await?),
                Err(unknown @ CancelError::Unknown(_)) => Err(Refusal::Final(anyhow!(unknown))),
                Err(CancelError::Failed(failure)) => Err(Refusal::Passing(anyhow!("{failure}"))),
            }
        })
        .await
    }

    /// Takes back a part of an order, once under its reference.
    pub(crate) async fn take_back(&self, doing: &str, wanted: &ReturnItems) -> anyhow::Result<()> {
        persist(doing, || async {
            let mut work = self.client.begin(&self.tenant)?;
            match return_items(&self.orders, &mut work, wanted, None).await {
                Ok(_) => Ok(work.commit().await?),
                Err(
                    refused @ (ReturnError::Unknown(_)
                    | ReturnError::NotReturnable(_)
                    | ReturnError::Refused(_)
                    | ReturnError::ReferenceTaken { .. }),
                ) => Err(Refusal::Final(anyhow!(refused))),
                Err(ReturnError::Failed(failure)) => Err(Refusal::Passing(anyhow!("{failure}"))),
            }
        })
        .await
    }

    /// The orders placed under these references; one without an order is absent.
    pub(crate) async fn placed_under(&self, references: &[&str]) -> anyhow::Result<Vec<(String, OrderId)>> {
        let placed = self.infrastructure.overview.placed_under(&self.tenant, references).await;
        placed.map_err(|failure| anyhow!("cannot look up which orders were placed: {failure}"))
    }

    /// Orders neither at their end nor in need of attention.
    pub(crate) async fn under_way(&self) -> anyhow::Result<u64> {
        let under_way = self.infrastructure.overview.under_way(&self.tenant).await;
        under_way.map_err(|failure| anyhow!("cannot count the orders under way: {failure}"))
    }

    /// How all orders stand, and how fast those went that came to their end since then.
    pub(crate) async fn standing(&self, since: Timestamp) -> anyhow::Result<Standing> {
        let unread = |failure: wharf::Failure| anyhow!("cannot read what the orders came to: {failure}");
        let overview = &self.infrastructure.overview;
        Ok(Standing {
            totals: overview.totals(&self.tenant).await.map_err(unread)?,
            pace: overview.pace(&self.tenant, since).await.map_err(unread)?,
            dead_letters: self.client.dead_letters(&DeadLetterFilter::default()).await?.len() as u64,
            messages: self.client.vitals().settled_total(),
            commits: self.infrastructure.commits(),
        })
    }

    /// Whether nothing waits at any endpoint: an order that has ended may still leave stock to book and a customer to
    /// tell.
    pub(crate) async fn is_quiet(&self) -> anyhow::Result<bool> {
        let settled = self.client.vitals().settled_total();
        let depth = self.client.depth().await?;
        let is_empty = depth.iter().all(|endpoint| endpoint.due + endpoint.delayed + endpoint.held == 0);
        // Outbox and broker are looked at one after the other. What passed from one to the other meanwhile was settled.
        Ok(is_empty && self.client.vitals().settled_total() == settled)
    }
}

/// Why a step was not done.
enum Refusal {
    /// Trying again may help.
    Passing(anyhow::Error),
    /// It never will.
    Final(anyhow::Error),
}

impl From<wharf::Error> for Refusal {
    fn from(error: wharf::Error) -> Self {
        Self::Passing(error.into())
    }
}

/// Tries a step until it is done, a little later each time. Orders and returns go by their references and a cancellation
/// may be asked for twice, so repeating what did happen after all does no harm.
async fn persist<F>(doing: &str, mut step: impl FnMut() -> F) -> anyhow::Result<()>
where
    F: Future<Output = Result<(), Refusal>>,
{
    let mut pause = RETRY_PAUSE;
    for attempt in 1.. {
        match step().await {
            Ok(()) => break,
            Err(Refusal::Passing(error)) if attempt < ATTEMPTS_MAX => {
                tracing::warn!(doing, attempt, error = format!("{error:#}"), ?pause, "failed; trying again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Err(Refusal::Passing(error) | Refusal::Final(error)) => return Err(error.context(doing.to_owned())),
        }
    }
    Ok(())
}
