//! Carries out a plan: places and cancels orders and takes parts of them back, so many at once, and waits until each has
//! come to its end.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use orderly_contracts::{Currency, CustomerId, Money, OrderId, ReturnFate};
use orderly_orders::{
    PlaceOrder, ReturnItems,
    domain::{Draft, DraftLine, ReturnDraft, ReturnDraftLine},
};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::MissedTickBehavior,
};

use super::{
    file::ReadError,
    opening::ProductIds,
    plan::{Cancellation, Invoice, Plan, Return, Step},
    waiting::{EndedOrders, Waiting},
};
use crate::{live::Live, shop::Shop, stop::Stop};

/// How often the database is asked how many orders are under way.
const LOOK_PERIOD: Duration = Duration::from_millis(25);
/// Orders under way at once, for each that is being placed: enough that no endpoint waits for work, few enough that an
/// order does not wait long behind others.
const WINDOW_PER_PLACEMENT: usize = 4;
/// Steps that are read ahead of what is being placed, and looked up together.
const STEPS_AHEAD_MAX: usize = 128;

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
    products: Arc<ProductIds>,
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
    pub(super) fn new(shop: Shop, products: ProductIds, concurrency: usize) -> Self {
        Self {
            shop: Arc::new(shop),
            products: Arc::new(products),
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
        self.made_before = self.shop.returns().await?.into_iter().collect();
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
                    if all_read && self.is_idle() && self.shop.is_quiet().await {
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
                let (shop, products) = (Arc::clone(&self.shop), Arc::clone(&self.products));
                self.running.spawn(async move {
                    take_back(&shop, &products, order, &part).await?;
                    Ok(part.number)
                });
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
                    let products = Arc::clone(&self.products);
                    self.running.spawn(async move {
                        let doing = format!("placing the order of invoice {}", invoice.number);
                        shop.place(&doing, &wanted(&invoice, &products)?).await?;
                        Ok(invoice.number)
                    });
                }
                Step::Cancel(cancellation) => drop(self.running.spawn(async move {
                    cancel(&shop, &cancellation).await?;
                    Ok(cancellation.number)
                })),
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
        self.under_way = self.shop.under_way().await?;
        self.ask_about_waiting().await
    }

    /// Asks, with one question, which of the orders that returns wait for have come to their end.
    async fn ask_about_waiting(&mut self) -> anyhow::Result<()> {
        let invoices = self.waiting.invoices();
        if invoices.is_empty() {
            return Ok(());
        }
        let ended = self.shop.ended_under(&invoices).await?;
        let ended: EndedOrders = ended.into_iter().map(|(number, order, status)| (number, (order, status))).collect();
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
}

/// Hands out the steps of the plan until it ends or nobody takes them any more.
fn read(plan: Plan, feed: &mpsc::Sender<Result<Step, ReadError>>) {
    for step in plan {
        if feed.blocking_send(step).is_err() {
            return;
        }
    }
}

/// The order of an invoice, as it is asked for.
fn wanted(invoice: &Invoice, products: &ProductIds) -> anyhow::Result<PlaceOrder> {
    let lines = invoice.lines.iter().map(|line| {
        let product = products.get(&line.sku).with_context(|| format!("product {} is unknown", line.sku))?;
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

/// Asks for the cancellation, unless the order has gone too far: then the database will show that it took no effect.
/// Asking again for what an earlier run asked for does no harm.
async fn cancel(shop: &Shop, cancellation: &Cancellation) -> anyhow::Result<()> {
    let of = &cancellation.of;
    let known = shop.placed_under(&[of]).await?;
    let Some(&(_, order)) = known.first() else { bail!("the order of invoice {of} is gone from the database") };
    let doing = format!("cancelling the order of invoice {of}");
    shop.cancel(&doing, order, &cancellation.number).await
}

/// Takes back a part of an order that is delivered. What comes back with a C line can be sold again: the file does not say
/// otherwise. Asking again for what was done changes nothing, since a return goes by its invoice and line.
async fn take_back(shop: &Shop, products: &ProductIds, order: OrderId, part: &Return) -> anyhow::Result<()> {
    let product = products.get(&part.sku).with_context(|| format!("product {} is unknown", part.sku))?;
    let line = ReturnDraftLine { product: *product, quantity: part.quantity, fate: ReturnFate::Restock };
    let wanted = ReturnItems { order, reference: part.reference(), draft: ReturnDraft { lines: vec![line] } };
    shop.take_back(&format!("taking back line {} of invoice {}", part.line_number, part.number), &wanted).await
}
