//! What is for sale, and who orders what: pure, and the same for a seed on every machine.

use std::time::Duration;

/// A product as the shop opens with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Good {
    pub(super) sku: &'static str,
    pub(super) name: &'static str,
    /// In cents.
    pub(super) price_minor: i64,
    /// In stock when the shop opens.
    pub(super) units: i64,
}

/// More than any demo sells, so that what an order finds in stock does not depend on how fast others are undone.
const PLENTY: i64 = 1_000_000_000;

const fn good(sku: &'static str, name: &'static str, price_minor: i64) -> Good {
    Good { sku, name, price_minor, units: PLENTY }
}

/// The first is what everybody wants; of the last there is nothing left.
pub(super) const GOODS: [Good; 12] = [
    good("DEMO-CONSOLE", "Game Console", 49_900),
    good("DEMO-HEADSET", "Headset", 7_999),
    good("DEMO-KEYBOARD", "Keyboard", 8_950),
    good("DEMO-MONITOR", "Monitor", 24_900),
    good("DEMO-DOCK", "Docking Station", 15_900),
    good("DEMO-WEBCAM", "Webcam", 5_490),
    good("DEMO-LAMP", "Desk Lamp", 3_990),
    good("DEMO-CHAIR", "Office Chair", 18_900),
    good("DEMO-CABLE", "Cable", 999),
    good("DEMO-CHARGER", "Charger", 2_990),
    good("DEMO-BACKPACK", "Backpack", 6_490),
    Good { sku: "DEMO-TICKET", name: "Concert Ticket", price_minor: 9_900, units: 0 },
];

const HOT: usize = 0;
const SOLD_OUT: usize = GOODS.len() - 1;

/// Orders that hold the hot product, in a hundred.
const HOT_PERCENT: u64 = 40;
/// Orders that hold the product that is sold out, in a hundred.
const SOLD_OUT_PERCENT: u64 = 4;
/// Orders that hold a product that nobody has ever heard of, in a hundred.
const UNHEARD_OF_PERCENT: u64 = 2;
/// Orders whose customers change their minds, in a hundred.
const WITHDRAWN_PERCENT: u64 = 8;
/// One order in so many is the first of a new burst, after a calm.
const BURST_ORDERS: u64 = 80;
/// The longest calm, and the longest a customer thinks it over; of the shop's time.
const CALM_MAX: Duration = Duration::from_secs(20);
const SECOND_THOUGHT_MAX: Duration = Duration::from_secs(10);
const LINES_MAX: u64 = 4;
const QUANTITY_MAX: u64 = 3;
const CUSTOMERS: u64 = 500;

/// All orders of a demo, one by one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Script {
    seed: u64,
}

/// An order that somebody will place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scene {
    /// Under which it is placed, and known when it was.
    pub(super) reference: String,
    pub(super) customer: i64,
    /// At least one.
    pub(super) lines: Vec<Wish>,
    /// Until it is placed, after the one before; of the shop's time.
    pub(super) calm: Duration,
    /// Until its customer asks for it to be cancelled, if ever; of the shop's time.
    pub(super) second_thought: Option<Duration>,
}

/// A line of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    /// Which of [`GOODS`]; `None` is a product that nobody has ever heard of.
    pub(super) good: Option<usize>,
    pub(super) quantity: i64,
}

impl Script {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The order of this number, whatever their number is in all.
    pub(super) fn scene(self, number: u64) -> Scene {
        let mut lots = Lots::of(self.seed, number);
        let calm = if lots.below(BURST_ORDERS) == 0 { lots.time(CALM_MAX) } else { Duration::ZERO };
        let customer = 1 + lots.below(CUSTOMERS).cast_signed();
        let mut lines: Vec<Wish> = Vec::new();
        let hot = (lots.percent() < HOT_PERCENT).then_some(HOT);
        let others = lots.below(LINES_MAX) + u64::from(hot.is_none());
        let first_cold = HOT as u64 + 1;
        let colds = (0..others).map(|_| (first_cold + lots.below(SOLD_OUT as u64 - first_cold)) as usize);
        let goods: Vec<_> = hot.into_iter().chain(colds).collect();
        for good in goods {
            let quantity = 1 + lots.below(QUANTITY_MAX).cast_signed();
            if lines.iter().all(|line| line.good != Some(good)) {
                lines.push(Wish { good: Some(good), quantity });
            }
        }
        let fate = lots.percent();
        let one_of = |good| Wish { good, quantity: 1 };
        let mut second_thought = None;
        if fate < SOLD_OUT_PERCENT {
            lines.push(one_of(Some(SOLD_OUT)));
        } else if fate < SOLD_OUT_PERCENT + UNHEARD_OF_PERCENT {
            lines.push(one_of(None));
        } else if fate < SOLD_OUT_PERCENT + UNHEARD_OF_PERCENT + WITHDRAWN_PERCENT {
            second_thought = Some(lots.time(SECOND_THOUGHT_MAX));
        }
        Scene { reference: format!("demo-{}-{number}", self.seed), customer, lines, calm, second_thought }
    }
}

/// Sebastiano Vigna's SplitMix64.
struct Lots(u64);

impl Lots {
    /// Those of one order, whatever was drawn for others.
    fn of(seed: u64, number: u64) -> Self {
        let mut lots = Self(seed);
        Self(lots.next() ^ number.wrapping_mul(0xd134_2543_de82_ef95))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to `end`, which is far below 2⁶⁴: the little that this is uneven does not show.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn percent(&mut self) -> u64 {
        self.below(100)
    }

    fn time(&mut self, max: Duration) -> Duration {
        max * self.percent() as u32 / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(of: impl Fn(&Scene) -> bool) -> usize {
        (1..=10_000).filter(|number| of(&Script::new(1).scene(*number))).count()
    }

    fn holds(scene: &Scene, good: Option<usize>) -> bool {
        scene.lines.iter().any(|line| line.good == good)
    }

    #[test]
    fn a_seed_makes_the_same_orders_again_and_another_makes_others() {
        let scenes = |seed| (1..=50).map(|number| Script::new(seed).scene(number)).collect::<Vec<_>>();
        assert_eq!(scenes(7), scenes(7));
        let lines = |seed| scenes(seed).into_iter().map(|scene| scene.lines).collect::<Vec<_>>();
        assert_ne!(lines(7), lines(8));
    }

    #[test]
    fn every_kind_of_order_has_about_its_share() {
        assert!((3_800..4_200).contains(&share(|scene| holds(scene, Some(HOT)))));
        assert!((320..480).contains(&share(|scene| holds(scene, Some(SOLD_OUT)))));
        assert!((140..260).contains(&share(|scene| holds(scene, None))));
        assert!((700..900).contains(&share(|scene| scene.second_thought.is_some())));
        assert!((80..170).contains(&share(|scene| !scene.calm.is_zero())));
    }

    #[test]
    fn an_order_has_lines_each_of_another_product_and_nobody_withdraws_what_fails_by_itself() {
        for number in 1..=10_000 {
            let Scene { lines, second_thought, .. } = Script::new(3).scene(number);
            let mut goods: Vec<_> = lines.iter().map(|line| line.good).collect();
            goods.sort_unstable();
            goods.dedup();
            assert!(!lines.is_empty() && goods.len() == lines.len(), "{lines:?}");
            let fails = goods.contains(&None) || goods.contains(&Some(SOLD_OUT));
            assert!(second_thought.is_none() || !fails, "{lines:?}");
        }
    }
}
