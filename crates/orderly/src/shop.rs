//! The shop as a replay and a demo see it: they place and cancel orders, persistently, and watch them come to their ends.

use std::{fmt::Display, time::Duration};

use anyhow::{Context, anyhow};
use orderly_catalog::NewProduct;
use orderly_contracts::{OrderId, ProductId, Tenant};
use orderly_infrastructure::Infrastructure;
use orderly_orders::{Pace, PlaceOrder, ReturnItems, Totals, domain::OrderStatus};
use wharf::{Client, DeadLetterFilter, Timestamp};

use crate::{
    app::App,
    counter::{Counter, Here, Refusal, Remote},
};

/// How often a step is tried whose failure may pass: a lost connection, a busy database.
const ATTEMPTS_MAX: u32 = 5;
/// The same where others may be killed and started again meanwhile: two minutes and more.
const ATTEMPTS_AMONG_OTHERS_MAX: u32 = 70;
/// Before the second attempt; doubled before each that follows.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(2);
/// What another worker holds of a broker's nobody sees: it must stay quiet for so many looks, so far apart.
const QUIET_LOOKS: u32 = 10;
const QUIET_LOOK_PERIOD: Duration = Duration::from_millis(300);

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
    pub(crate) tenant: Tenant,
    counter: Counter,
}

impl Shop {
    /// Everything it needs outlives the application's worker. With `remote`, others take the orders and do the work.
    pub(crate) fn of(app: &App, remote: Option<Remote>) -> Self {
        let (client, infrastructure, tenant) = (app.client.clone(), app.infrastructure.clone(), Tenant::default());
        let counter = match remote {
            Some(remote) => Counter::Remote(remote),
            None => {
                Counter::Here(Here { client: client.clone(), orders: app.order_ports.clone(), tenant: tenant.clone() })
            }
        };
        Self { client, infrastructure, tenant, counter }
    }

    /// Whether this process only places orders.
    pub(crate) fn is_among_others(&self) -> bool {
        match self.counter {
            Counter::Here(_) => false,
            Counter::Remote(_) => true,
        }
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
        self.persist(doing, || self.counter.place(wanted)).await
    }

    /// Asks for an order to be cancelled, unless it has gone too far.
    pub(crate) async fn cancel(&self, doing: &str, order: OrderId, reference: &str) -> anyhow::Result<()> {
        self.persist(doing, || self.counter.cancel(order, reference)).await
    }

    /// Takes back a part of an order, once under its reference.
    pub(crate) async fn take_back(&self, doing: &str, wanted: &ReturnItems) -> anyhow::Result<()> {
        self.persist(doing, || self.counter.take_back(wanted)).await
    }

    /// The orders placed under these references; one without an order is absent.
    pub(crate) async fn placed_under(&self, references: &[&str]) -> anyhow::Result<Vec<(String, OrderId)>> {
        let overview = &self.infrastructure.overview;
        self.ask("looking up which orders were placed", || overview.placed_under(&self.tenant, references)).await
    }

    /// The orders placed under these references that are at their end, and how they ended.
    pub(crate) async fn ended_under(&self, references: &[&str]) -> anyhow::Result<Vec<(String, OrderId, OrderStatus)>> {
        let overview = &self.infrastructure.overview;
        self.ask("looking up which orders have ended", || overview.ended_under(&self.tenant, references)).await
    }

    /// The references of the returns that were made.
    pub(crate) async fn returns(&self) -> anyhow::Result<Vec<String>> {
        let overview = &self.infrastructure.overview;
        self.ask("looking up which returns were made", || overview.returns(&self.tenant)).await
    }

    /// Orders neither at their end nor in need of attention.
    pub(crate) async fn under_way(&self) -> anyhow::Result<u64> {
        let overview = &self.infrastructure.overview;
        self.ask("counting the orders under way", || overview.under_way(&self.tenant)).await
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
    pub(crate) async fn is_quiet(&self) -> bool {
        let settled = self.client.vitals().settled_total();
        if !self.is_idle().await {
            return false;
        }
        if self.is_among_others() {
            for _ in 0..QUIET_LOOKS {
                tokio::time::sleep(QUIET_LOOK_PERIOD).await;
                if !self.is_idle().await {
                    return false;
                }
            }
        }
        // Outbox and broker are looked at one after the other. What passed from one to the other meanwhile was settled.
        self.client.vitals().settled_total() == settled
    }

    /// While the database or the broker does not say, something may wait.
    async fn is_idle(&self) -> bool {
        let idle = self.client.is_idle().await;
        idle.inspect_err(|error| tracing::warn!(error = error.chain(), "nobody knows whether anything waits"))
            .unwrap_or(false)
    }

    /// Asks until there is an answer, as [`Shop::persist`] does.
    async fn ask<T, E, F>(&self, doing: &str, question: impl Fn() -> F) -> anyhow::Result<T>
    where
        E: Display,
        F: Future<Output = Result<T, E>>,
    {
        let step = || async { question().await.map_err(|error| Refusal::Passing(anyhow!("{error}"))) };
        self.persist(doing, step).await
    }

    /// Tries a step until it is done, a little later each time. Repeating what did happen after all does no harm.
    async fn persist<T, F>(&self, doing: &str, step: impl Fn() -> F) -> anyhow::Result<T>
    where
        F: Future<Output = Result<T, Refusal>>,
    {
        let attempts_max = if self.is_among_others() { ATTEMPTS_AMONG_OTHERS_MAX } else { ATTEMPTS_MAX };
        let (mut attempt, mut pause) = (1, RETRY_PAUSE);
        loop {
            match step().await {
                Ok(done) => return Ok(done),
                Err(Refusal::Passing(error)) if attempt < attempts_max => {
                    tracing::warn!(doing, attempt, error = format!("{error:#}"), ?pause, "failed; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_PAUSE_MAX);
                    attempt += 1;
                }
                Err(Refusal::Passing(error) | Refusal::Final(error)) => return Err(error.context(doing.to_owned())),
            }
        }
    }
}
