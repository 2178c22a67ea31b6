//! Carries out a plan: places and cancels orders and takes parts of them back, so many at once, and waits until each has
//! come to its end.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use orderly_contracts::{Currency, CustomerId, Money, OrderId, ReturnFate, Tenant};
use orderly_infrastructure::Infrastructure;
use orderly_orders::{
    CancelError, PlaceOrder, PlacementError, Ports, ReturnError, ReturnItems, cancel_order,
    domain::{Draft, DraftLine, ReturnDraft, ReturnDraftLine},
    place_order, return_items,
};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::MissedTickBehavior,
};
use wharf::Client;

use super::{
    file::ReadError,
    live::Live,
    opening::ProductIds,
    plan::{Cancellation, Invoice, Plan, Return, Step},
    waiting::{EndedOrders, Waiting},
};
use crate::stop::Stop;

/// How often the database is asked how many orders are under way.
const LOOK_PERIOD: Duration = Duration::from_millis(25);
/// Orders under way at once, for each that is being placed: enough that no endpoint waits for work, few enough that an
/// order does not wait long behind others.
const WINDOW_PER_PLACEMENT: usize = 4;
/// Steps that are read ahead of what is being placed, and looked up together.
const STEPS_AHEAD_MAX: usize = 128;
/// How often a step is tried whose failure may pass: a lost connection, a busy database.
const ATTEMPTS_MAX: u32 = 5;
/// Before the second attempt; doubled before each that follows.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// What placing an order needs; shared by all that are being placed.
pub(super) struct Shop {
    pub(super) client: Client,
    pub(super) infrastructure: Infrastructure,
    pub(super) orders: Ports,
    pub(super) tenant: Tenant,
    pub(super) products: ProductIds,
}

/// How placing ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Every order is at its end, or in need of attention, and nothing waits to be handled.
    Done,
    /// A stop was asked for.
    Stopped,
}

pub(super) struct Placing {
    shop: Arc<Shop>,
    concurrency: usize,
    /// Read, and not yet begun.
    ahead: VecDeque<Step>,
    /// Returns whose order is not at its end.
    waiting: Waiting,
    /// References of the returns that an earlier run made.
    made_before: HashSet<String>,
    /// Placements, requests for cancellation and returns under way; each answers with its invoice number.
    running: JoinSet<anyhow::Result<Arc<str>>>,
    /// The invoices among them.
    placing: HashSet<Arc<str>>,
    /// Orders under way when the database was last asked.
    under_way: u64,
    /// Orders placed since it was asked.
    placed_since: u64,
    /// Orders of the plan that stand in the database.
    placed: u64,
}

impl Placing {
    pub(super) fn new(shop: Shop, concurrency: usize) -> Self {
        Self {
            shop: Arc::new(shop),
            concurrency,
            ahead: VecDeque::new(),
            waiting: Waiting::default(),
            made_before: HashSet::new(),
            running: JoinSet::new(),
            placing: HashSet::new(),
            under_way: 0,
            placed_since: 0,
            placed: 0,
        }
    }

    /// Carries out the plan from its beginning. What an earlier run placed or took back is not done again.
    pub(super) async fn run(&mut self, plan: Plan, stop: Stop, live: &mut Live) -> anyhow::Result<Ended> {
        let made = self.shop.infrastructure.overview.returns(&self.shop.tenant).await;
        let made = made.map_err(|failure| anyhow!("cannot look up which returns were made: {failure}"))?;
        self.made_before = made.into_iter().collect();
        let (feed, mut steps) = mpsc::channel(STEPS_AHEAD_MAX);
        tokio::task::spawn_blocking(move || read(plan, &feed));
        let mut all_read = false;
        let mut read = Vec::with_capacity(STEPS_AHEAD_MAX);
        let mut look = tokio::time::interval(LOOK_PERIOD);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = stop.asked();
        tokio::pin!(stop);
        loop {
            self.begin_what_fits();
            tokio::select! {
                () = &mut stop => return Ok(Ended::Stopped),
                Some(ended) = self.running.join_next() => self.on_ended(ended)?,
                count = steps.recv_many(&mut read, STEPS_AHEAD_MAX), if self.ahead.is_empty() && !all_read => {
                    all_read = count == 0;
                    self.look_up(read.drain(..).collect::<Result<_, _>>()?).await?;
                }
                _ = look.tick() => {
                    self.look().await?;
                    live.show(self.placed, self.under_way);
                    if all_read && self.is_idle() && self.is_quiet().await? {
                        return Ok(Ended::Done);
                    }
                }
            }
        }
    }

    pub(super) fn shop(&self) -> &Shop {
        &self.shop
    }

    /// Begins steps in the order of the file, as long as there is room for them. Returns come when their orders are ready.
    fn begin_what_fits(&mut self) {
        while self.running.len() < self.concurrency {
            if let Some((order, part)) = self.waiting.next_ready() {
                let shop = Arc::clone(&self.shop);
                self.running.spawn(async move { shop.take_back(order, part).await });
                continue;
            }
            if !self.has_window() || self.waiting.is_full() {
                return;
            }
            // A cancellation comes after its order. Orders that may come before it wait too, for a commit at most.
            if let Some(Step::Cancel(cancellation)) = self.ahead.front()
                && self.placing.contains(&cancellation.of)
            {
                return;
            }
            let Some(step) = self.ahead.pop_front() else { return };
            let shop = Arc::clone(&self.shop);
            match step {
                Step::Place(invoice) => {
                    self.placing.insert(Arc::clone(&invoice.number));
                    self.running.spawn(async move { shop.place(invoice).await });
                }
                Step::Cancel(cancellation) => drop(self.running.spawn(async move { shop.cancel(cancellation).await })),
                Step::TakeBack(part) => self.waiting.push(part),
                Step::Reject(_) => {}
            }
        }
    }

    /// Whether one more order may be under way.
    fn has_window(&self) -> bool {
        let window = (self.concurrency * WINDOW_PER_PLACEMENT) as u64;
        self.under_way + self.placed_since + (self.running.len() as u64) < window
    }

    fn on_ended(&mut self, ended: Result<anyhow::Result<Arc<str>>, JoinError>) -> anyhow::Result<()> {
        let number = ended.context("a placement broke off")??;
        if self.placing.remove(&number) {
            self.placed += 1;
            self.placed_since += 1;
        }
        Ok(())
    }

    /// Keeps the steps that are still to be done: orders that already stand in the database are not placed again, nor
    /// returns made again.
    async fn look_up(&mut self, steps: Vec<Step>) -> anyhow::Result<()> {
        let numbers = steps.iter().filter_map(|step| match step {
            Step::Place(invoice) => Some(invoice.number.as_ref()),
            Step::Cancel(_) | Step::TakeBack(_) | Step::Reject(_) => None,
        });
        let known = self.shop.placed_under(&numbers.collect::<Vec<_>>()).await?;
        self.placed += known.len() as u64;
        let known: HashSet<_> = known.into_iter().map(|(number, _)| number).collect();
        self.ahead.extend(steps.into_iter().filter(|step| match step {
            Step::Place(invoice) => !known.contains(invoice.number.as_ref()),
            Step::Cancel(_) => true,
            Step::TakeBack(part) => !self.made_before.contains(&part.reference()),
            Step::Reject(_) => false,
        }));
        Ok(())
    }

    async fn look(&mut self) -> anyhow::Result<()> {
        // Counted anew from here on: what commits while the question is being answered may be counted twice, never not.
        self.placed_since = 0;
        let shop = &self.shop;
        let under_way = shop.infrastructure.overview.under_way(&shop.tenant).await;
        self.under_way = under_way.map_err(|failure| anyhow!("cannot count the orders under way: {failure}"))?;
        self.ask_about_waiting().await
    }

    /// Asks, with one question, which of the orders that returns wait for have come to their end.
    async fn ask_about_waiting(&mut self) -> anyhow::Result<()> {
        let invoices = self.waiting.invoices();
        if invoices.is_empty() {
            return Ok(());
        }
        let ended = self.shop.ended_under(&invoices).await?;
        // Every order that a return waits for was begun before the return, and none was begun since the last count.
        let any_under_way = self.under_way > 0 || !self.running.is_empty();
        self.waiting.hear(&ended, any_under_way);
        Ok(())
    }

    fn is_idle(&self) -> bool {
        self.ahead.is_empty()
            && self.waiting.is_empty()
            && self.running.is_empty()
            && self.under_way + self.placed_since == 0
    }

    /// Whether nothing waits at any endpoint: an order that has ended may still leave stock to book and a customer to
    /// tell.
    async fn is_quiet(&self) -> anyhow::Result<bool> {
        let depth = self.shop.client.depth().await?;
        Ok(depth.iter().all(|endpoint| endpoint.due + endpoint.delayed + endpoint.held == 0))
    }
}

/// Hands out the steps of the plan until it ends or nobody takes them any more.
fn read(plan: Plan, feed: &mpsc::Sender<Result<Step, ReadError>>) {
    for step in plan {
        if feed.blocking_send(step).is_err() {
            return;
        }
    }
}

impl Shop {
    async fn place(&self, invoice: Invoice) -> anyhow::Result<Arc<str>> {
        let number = Arc::clone(&invoice.number);
        let wanted = self.wanted(&invoice)?;
        persist(&format!("placing the order of invoice {number}"), || async {
            let mut work = self.client.begin(&self.tenant)?;
            match place_order(&self.orders, &mut work, &wanted).await {
                Ok(_) => Ok(work.commit().await?),
                Err(PlacementError::Refused(problems)) => Err(Refusal::Final(anyhow!(problems))),
                Err(PlacementError::Failed(failure)) => Err(Refusal::Passing(anyhow!("{failure}"))),
            }
        })
        .await?;
        Ok(number)
    }

    /// Asks for the cancellation, unless the order has gone too far: then the database will show that it took no effect.
    /// Asking again for what an earlier run asked for does no harm.
    async fn cancel(&self, cancellation: Cancellation) -> anyhow::Result<Arc<str>> {
        let Cancellation { number, of, .. } = cancellation;
        let known = self.placed_under(&[&of]).await?;
        let Some(&(_, order)) = known.first() else { bail!("the order of invoice {of} is gone from the database") };
        persist(&format!("cancelling the order of invoice {of}"), || async {
            let mut work = self.client.begin(&self.tenant)?;
            match cancel_order(&self.orders, &mut work, order, None, Some(&number)).await {
                Ok(_) => Ok(work.commit().await?),
                Err(CancelError::TooLate(_)) => Ok(work.rollback().await?),
                Err(unknown @ CancelError::Unknown(_)) => Err(Refusal::Final(anyhow!(unknown))),
                Err(CancelError::Failed(failure)) => Err(Refusal::Passing(anyhow!("{failure}"))),
            }
        })
        .await?;
        Ok(number)
    }

    /// Takes back a part of an order that is delivered. What comes back with a C line can be sold again: the file does not
    /// say otherwise. Asking again for what was done changes nothing, since a return goes by its invoice and line.
    async fn take_back(&self, order: OrderId, part: Return) -> anyhow::Result<Arc<str>> {
        let product = self.products.get(&part.sku).with_context(|| format!("product {} is unknown", part.sku))?;
        let line = ReturnDraftLine { product: *product, quantity: part.quantity, fate: ReturnFate::Restock };
        let wanted = ReturnItems { order, reference: part.reference(), draft: ReturnDraft { lines: vec![line] } };
        persist(&format!("taking back line {} of invoice {}", part.line_number, part.number), || async {
            let mut work = self.client.begin(&self.tenant)?;
            match return_items(&self.orders, &mut work, &wanted, None).await {
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
        .await?;
        Ok(part.number)
    }

    fn wanted(&self, invoice: &Invoice) -> anyhow::Result<PlaceOrder> {
        let lines = invoice.lines.iter().map(|line| {
            let product = self.products.get(&line.sku).with_context(|| format!("product {} is unknown", line.sku))?;
            let unit_price = Some(Money::new(line.unit_price_minor, Currency::GBP));
            Ok(DraftLine { product: *product, quantity: line.quantity, unit_price })
        });
        let draft = Draft {
            customer: invoice.customer.map_or(CustomerId::WALK_IN, CustomerId),
            currency: Currency::GBP,
            status: None,
            lines: lines.collect::<anyhow::Result<_>>()?,
        };
        Ok(PlaceOrder { draft, reference: Some(invoice.number.to_string()) })
    }

    async fn placed_under(&self, numbers: &[&str]) -> anyhow::Result<Vec<(String, OrderId)>> {
        let placed = self.infrastructure.overview.placed_under(&self.tenant, numbers).await;
        placed.map_err(|failure| anyhow!("cannot look up which invoices were placed: {failure}"))
    }

    async fn ended_under(&self, numbers: &[&str]) -> anyhow::Result<EndedOrders> {
        let ended = self.infrastructure.overview.ended_under(&self.tenant, numbers).await;
        let ended = ended.map_err(|failure| anyhow!("cannot look up which orders have ended: {failure}"))?;
        Ok(ended.into_iter().map(|(number, order, status)| (number, (order, status))).collect())
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

/// Tries a step until it is done, a little later each time. Orders and returns go by their references and a cancellation may
/// be asked for twice, so repeating what did happen after all does no harm.
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
