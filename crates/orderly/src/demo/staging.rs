//! Carries out a script: customers order, some think better of it, and everybody waits until each order is at its end.

use std::{collections::HashSet, sync::Arc, time::Duration};

use anyhow::Context;
use orderly_catalog::{NewProduct, domain::Sku};
use orderly_contracts::{Currency, CustomerId, Money, ProductId};
use orderly_orders::{
    PlaceOrder,
    domain::{Draft, DraftLine},
};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};

use super::script::{GOODS, Scene, Script};
use crate::{command_line::DemoArgs, live::Live, shop::Shop, stop::Stop};

/// How often the database is asked how many orders are under way.
const LOOK_PERIOD: Duration = Duration::from_millis(25);
/// Orders under way at once: enough that those that wait for an answer that never comes do not hold up the others.
const UNDER_WAY_MAX: u64 = 512;
/// Customers who think it over at once.
const THINKING_MAX: usize = 512;
/// Orders that are looked up together, to know which an earlier run has placed.
const LOOKED_UP_TOGETHER: u64 = 500;
/// The number of a product that no shop has.
const UNHEARD_OF: ProductId = ProductId(i64::MAX);
/// What the client says that it costs.
const UNHEARD_OF_PRICE_MINOR: i64 = 100;

/// How a demo ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Every order is at its end, or in need of attention, and nothing waits to be handled.
    Done,
    /// A stop was asked for.
    Stopped,
}

/// A script and the shop that it is played in.
pub(super) struct Staging {
    shop: Arc<Shop>,
    script: Script,
    orders: u64,
    /// How many times faster than on the shop's clock its time passes.
    time_scale: f64,
    products: Vec<ProductId>,
    /// Nobody orders after it.
    closes_at: Option<Instant>,
    /// Orders of the script that stand in the database, from its beginning.
    placed: u64,
    /// The references of those to come, as far as they were looked up, that an earlier run placed.
    known: HashSet<String>,
    /// Before it nobody orders.
    calm_until: Instant,
    /// Customers who think it over.
    thinking: JoinSet<anyhow::Result<()>>,
    /// Orders under way when the database was last asked, and those placed since.
    under_way: u64,
    placed_since: u64,
}

impl Staging {
    /// Opens the shop. What an earlier run put on the shelves stays as it is.
    pub(super) async fn new(shop: Shop, script: Script, args: &DemoArgs) -> anyhow::Result<Self> {
        let goods = GOODS.iter().map(|good| {
            let price = Money::new(good.price_minor, Currency::USD);
            Ok((NewProduct { sku: Sku::parse(good.sku)?, name: good.name.to_owned(), price }, good.units))
        });
        let products = shop.stock(&goods.collect::<anyhow::Result<Vec<_>>>()?).await?;
        let (shop, thinking) = (Arc::new(shop), JoinSet::new());
        Ok(Self {
            shop,
            script,
            orders: args.orders.get(),
            time_scale: args.time_scale,
            products,
            closes_at: args.lasting.map(|lasting| Instant::now() + lasting),
            placed: 0,
            known: HashSet::new(),
            calm_until: Instant::now(),
            thinking,
            under_way: 0,
            placed_since: 0,
        })
    }

    /// Plays the script from its beginning. Orders are placed one after another, so that the number of each, by which the
    /// providers draw their answers, follows from the script. What an earlier run placed is not placed again.
    pub(super) async fn play(&mut self, stop: Stop, live: &mut Live) -> anyhow::Result<Ended> {
        let mut look = tokio::time::interval(LOOK_PERIOD);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = stop.asked();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return Ok(Ended::Stopped),
                Some(thought) = self.thinking.join_next() => thought.context("a cancellation broke off")??,
                _ = look.tick() => {
                    (self.under_way, self.placed_since) = (self.shop.under_way().await?, 0);
                    live.show(self.placed, self.under_way);
                    if self.is_over() && self.shop.is_quiet().await {
                        return Ok(Ended::Done);
                    }
                }
                () = tokio::time::sleep_until(self.calm_until), if self.has_room() => self.go_on().await?,
            }
        }
    }

    /// Whether one more order may be placed.
    fn has_room(&self) -> bool {
        let is_open = !self.is_closed();
        let few_under_way = self.under_way + self.placed_since < UNDER_WAY_MAX;
        is_open && few_under_way && self.thinking.len() < THINKING_MAX
    }

    /// Whether nobody orders any more.
    fn is_closed(&self) -> bool {
        self.placed == self.orders || self.closes_at.is_some_and(|at| at <= Instant::now())
    }

    /// How many orders of the script were placed, by this run or an earlier one.
    pub(super) fn placed(&self) -> u64 {
        self.placed
    }

    /// Whether every order that was placed is at its end.
    fn is_over(&self) -> bool {
        self.is_closed() && self.thinking.is_empty() && self.under_way == 0
    }

    /// The next order.
    async fn go_on(&mut self) -> anyhow::Result<()> {
        if self.placed.is_multiple_of(LOOKED_UP_TOGETHER) {
            self.known = self.placed_before(self.placed + 1).await?;
        }
        let scene = self.script.scene(self.placed + 1);
        if !self.known.contains(&scene.reference) {
            self.place(&scene).await?;
            self.placed_since += 1;
            self.calm_until = Instant::now() + self.real(self.script.scene(self.placed + 2).calm);
        }
        self.placed += 1;
        self.think_over(scene);
        Ok(())
    }

    pub(super) fn shop(&self) -> &Shop {
        &self.shop
    }

    /// Which of the orders from `first` on, as many as are looked up together, stand in the database.
    async fn placed_before(&self, first: u64) -> anyhow::Result<HashSet<String>> {
        let end = self.orders.min(first + LOOKED_UP_TOGETHER - 1);
        let references: Vec<_> = (first..=end).map(|number| self.script.scene(number).reference).collect();
        let references: Vec<_> = references.iter().map(String::as_str).collect();
        let placed = self.shop.placed_under(&references).await?;
        Ok(placed.into_iter().map(|(reference, _)| reference).collect())
    }

    async fn place(&self, scene: &Scene) -> anyhow::Result<()> {
        let lines = scene.lines.iter().map(|wish| {
            let found = wish.good.and_then(|good| Some((*self.products.get(good)?, GOODS.get(good)?.price_minor)));
            let (product, price_minor) = found.unwrap_or((UNHEARD_OF, UNHEARD_OF_PRICE_MINOR));
            let unit_price = Some(Money::new(price_minor, Currency::USD));
            DraftLine { product, quantity: wish.quantity, unit_price }
        });
        let draft = Draft {
            customer: CustomerId(scene.customer),
            currency: Currency::USD,
            status: None,
            lines: lines.collect(),
        };
        let wanted = PlaceOrder { draft, reference: Some(scene.reference.clone()) };
        self.shop.place(&format!("placing order {}", scene.reference), &wanted).await
    }

    /// Has the customer ask for a cancellation, if that is in the script. Asking again for what an earlier run asked for
    /// does no harm, and an order that has gone too far stays as it is.
    fn think_over(&mut self, scene: Scene) {
        let Some(second_thought) = scene.second_thought else { return };
        let (shop, reference, thinks_for) = (Arc::clone(&self.shop), scene.reference, self.real(second_thought));
        self.thinking.spawn(async move {
            tokio::time::sleep(thinks_for).await;
            let placed = shop.placed_under(&[&reference]).await?;
            let (_, order) = placed.first().with_context(|| format!("order {reference} is gone from the database"))?;
            shop.cancel(&format!("cancelling order {reference}"), *order, &reference).await
        });
    }

    /// How long the shop's time takes to pass.
    fn real(&self, of_the_shop: Duration) -> Duration {
        of_the_shop.div_f64(self.time_scale)
    }
}
