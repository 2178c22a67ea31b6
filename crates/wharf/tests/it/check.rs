//! The checker, checked: a right saga passes, and each planted bug is found with the shortest history there is.

use std::{convert::Infallible, time::Duration};

use serde::{Deserialize, Serialize};
use wharf::{
    Draft, Key, Kind, Message, Saga, Start, Step, begin, finish, stay,
    testing::{Chance, Check, Environment},
    to,
};

macro_rules! command {
    ($($name:ident, $wire:literal;)*) => {
        $(#[derive(Serialize, Deserialize)]
        struct $name {}

        impl Message for $name {
            const NAME: &'static str = $wire;
            const KIND: Kind = Kind::Command;
            fn key(&self) -> Key {
                Key::new("sale", 1)
            }
        })*
    };
}
command! {
    Reserve, "stock.reserve";
    Release, "stock.release";
    Charge, "till.charge";
    PayOut, "seller.pay-out";
}

/// What is wrong with the saga.
mod flaw {
    pub(super) const NONE: u8 = 0;
    pub(super) const PAYS_OUT_AGAIN: u8 = 1;
    pub(super) const FORGETS_TO_RELEASE: u8 = 2;
    pub(super) const HAS_NO_TIMER: u8 = 3;
    pub(super) const BEGINS_NOWHERE: u8 = 4;
    pub(super) const COUNTS_FOR_EVER: u8 = 5;
}

/// A sale: stock is held, the buyer is charged, the seller is paid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Sale<const FLAW: u8>;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Facts {
    held: bool,
    seen: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum State {
    Reserving,
    Charging,
    Releasing,
    Sold,
    Cancelled,
}

#[derive(Debug, Clone)]
enum Event {
    Placed,
    Reserved,
    SoldOut,
    Approved,
    Declined,
    Released,
    Slow,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Timer {
    Slow,
}

impl From<Timer> for Event {
    fn from(Timer::Slow: Timer) -> Self {
        Self::Slow
    }
}

impl<const FLAW: u8> Saga for Sale<FLAW> {
    const NAME: &'static str = "test.sale";
    type Facts = Facts;
    type State = State;
    type Event = Event;
    type Change = Infallible;
    type Timer = Timer;

    fn start(&self, event: Event) -> Start<Self> {
        match event {
            Event::Placed if FLAW == flaw::BEGINS_NOWHERE => begin(Facts { held: false, seen: 0 }, stay()),
            Event::Placed => begin(Facts { held: false, seen: 0 }, Self::ask(State::Reserving)),
            Event::Reserved | Event::SoldOut | Event::Approved | Event::Declined | Event::Released | Event::Slow => {
                Start::TooEarly
            }
        }
    }

    fn step(&self, facts: &mut Facts, state: State, event: Event) -> Step<Self> {
        if FLAW == flaw::COUNTS_FOR_EVER {
            facts.seen += 1;
        }
        match (state, event) {
            (State::Reserving, Event::Reserved) => {
                facts.held = true;
                Self::ask(State::Charging)
            }
            (State::Reserving, Event::SoldOut) => finish(State::Cancelled),
            (State::Charging, Event::Reserved) if FLAW == flaw::FORGETS_TO_RELEASE => {
                facts.held = !facts.held;
                stay()
            }
            (State::Charging, Event::Approved) => finish(State::Sold).send(PayOut {}),
            (State::Charging, Event::Declined) if facts.held => Self::ask(State::Releasing),
            (State::Charging, Event::Declined) => finish(State::Cancelled),
            (State::Releasing, Event::Released) => finish(State::Cancelled),
            (State::Sold, Event::Approved) if FLAW == flaw::PAYS_OUT_AGAIN => stay().send(PayOut {}),
            (waiting @ (State::Reserving | State::Charging | State::Releasing), Event::Slow) => Self::ask(waiting),
            _ => stay(),
        }
    }
}

impl<const FLAW: u8> Sale<FLAW> {
    /// Waits for an answer, and asks again when none comes.
    fn ask(state: State) -> Step<Self> {
        let step = to(state.clone());
        let step = match state {
            State::Reserving => step.send(Reserve {}),
            State::Charging => step.send(Charge {}),
            State::Releasing => step.send(Release {}),
            State::Sold | State::Cancelled => step,
        };
        if FLAW == flaw::HAS_NO_TIMER { step } else { step.after(Duration::from_secs(60), Timer::Slow) }
    }
}

/// Stock and till, which answer a repeated request as they did the first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Market<const FLAW: u8> {
    stock: Stock,
    /// Whether the till took the money, once it was asked.
    approved: Option<bool>,
    charges: u8,
    /// A till that charges again without asking the provider what became of the charge before.
    forgetful: bool,
    pay_outs: u8,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
enum Stock {
    #[default]
    Untouched,
    Held,
    Refused,
    Released,
}

impl<const FLAW: u8> Environment for Market<FLAW> {
    type Saga = Sale<FLAW>;

    fn receive(&mut self, message: &Draft, chance: &mut Chance) -> Vec<Event> {
        let answer = match &*message.name {
            Reserve::NAME => self.reserve(chance),
            Charge::NAME => return self.charge(chance).into_iter().collect(),
            _ => {
                self.stock = Stock::Released;
                Event::Released
            }
        };
        vec![answer]
    }

    fn listens_to(name: &str) -> bool {
        name != PayOut::NAME
    }

    fn observe(&mut self, step: &Step<Sale<FLAW>>) {
        let pay_outs = step.messages.iter().filter(|message| message.name == PayOut::NAME).count();
        self.pay_outs += u8::try_from(pay_outs).unwrap();
    }
}

impl<const FLAW: u8> Market<FLAW> {
    fn reserve(&mut self, chance: &mut Chance) -> Event {
        if self.stock == Stock::Untouched {
            self.stock = chance.pick([Stock::Held, Stock::Refused]);
        }
        match self.stock {
            Stock::Held => Event::Reserved,
            Stock::Untouched | Stock::Refused | Stock::Released => Event::SoldOut,
        }
    }

    /// The provider keeps books of its own, so that a crash may come between them and what the till remembers.
    fn charge(&mut self, chance: &mut Chance) -> Option<Event> {
        if self.approved.is_none() {
            let charged_before = self.charges > 0 && !self.forgetful;
            let approved = charged_before || chance.pick([true, false]);
            self.charges += u8::from(approved && !charged_before);
            if chance.crash() {
                return None;
            }
            self.approved = Some(approved);
        }
        Some(if self.approved == Some(true) { Event::Approved } else { Event::Declined })
    }
}

/// Nothing goes wrong yet.
fn sale<const FLAW: u8>() -> Check<Market<FLAW>> {
    Check::new(Sale::<FLAW>, Market::default())
        .begin_with([Event::Placed])
        .timers_last()
        .invariant("the seller is paid out once", |world| world.environment.pay_outs <= 1)
        .invariant("the buyer is charged once", |world| world.environment.charges <= 1)
        .at_rest("a cancelled sale holds nothing", |world| {
            world.state() != Some(&State::Cancelled) || world.environment.stock != Stock::Held
        })
}

#[test]
fn a_right_saga_passes_under_duplicates_losses_reordering_and_crashes() {
    let report = sale::<{ flaw::NONE }>().run();
    assert!(report.holds(), "{report}");
    insta::assert_snapshot!(report, @"every rule holds in 12 states, reached in 11 ways");

    let report = sale::<{ flaw::NONE }>().duplicates(2).losses(2).reordering().crashes(2).run();
    assert!(report.holds(), "{report}");
    insta::assert_snapshot!(report, @"every rule holds in 8481 states, reached in 33845 ways");
}

#[test]
fn a_seller_paid_out_again_for_a_duplicated_approval_is_found() {
    let report = sale::<{ flaw::PAYS_OUT_AGAIN }>().duplicates(1).run();
    insta::assert_snapshot!(report, @"
    this does not hold: the seller is paid out once
      1. Placed → Reserving, sends stock.reserve, arms ⏰ Slow
      2. stock.reserve is received, answered by Reserved
      3. Reserved → Charging, sends till.charge, arms ⏰ Slow
      4. till.charge is received, answered by Approved
      5. Approved → Sold, the end, sends seller.pay-out; a duplicate follows
      6. Approved, still Sold, sends seller.pay-out
    where it then stands (states seen: 46):
      saga: Sold, finished, with Facts { held: true, seen: 0 }
      around it: Market { stock: Held, approved: Some(true), charges: 1, forgetful: false, pay_outs: 2 }
      still to come: nothing
    ");
}

#[test]
fn a_release_that_a_duplicate_makes_forgotten_is_found() {
    let report = sale::<{ flaw::FORGETS_TO_RELEASE }>().duplicates(1).run();
    insta::assert_snapshot!(report, @"
    this does not hold: a cancelled sale holds nothing
      1. Placed → Reserving, sends stock.reserve, arms ⏰ Slow
      2. stock.reserve is received, answered by Reserved
      3. Reserved → Charging, sends till.charge, arms ⏰ Slow; a duplicate follows
      4. Reserved, still Charging
      5. till.charge is received, answered by Declined
      6. Declined → Cancelled, the end
    where it then stands (states seen: 55):
      saga: Cancelled, finished, with Facts { held: false, seen: 0 }
      around it: Market { stock: Held, approved: Some(false), charges: 0, forgetful: false, pay_outs: 0 }
      still to come: nothing
    ");
}

#[test]
fn a_saga_that_hangs_once_a_message_is_lost_is_found() {
    let calm = sale::<{ flaw::HAS_NO_TIMER }>().run();
    assert!(calm.holds(), "it needs a loss: {calm}");
    let report = sale::<{ flaw::HAS_NO_TIMER }>().losses(1).run();
    insta::assert_snapshot!(report, @"
    this does not hold: a saga that is not finished waits for something
      1. Placed → Reserving, sends stock.reserve
      2. stock.reserve is lost
    where it then stands (states seen: 9):
      saga: Reserving, with Facts { held: false, seen: 0 }
      around it: Market { stock: Untouched, approved: None, charges: 0, forgetful: false, pay_outs: 0 }
      still to come: nothing
    ");
}

#[test]
fn a_till_that_charges_again_after_a_crash_is_found() {
    let forgetful = Market::<{ flaw::NONE }> { forgetful: true, ..Market::default() };
    let check = || {
        let check = Check::new(Sale, forgetful.clone()).begin_with([Event::Placed]).timers_last();
        check.invariant("the buyer is charged once", |world| world.environment.charges <= 1)
    };
    assert!(check().run().holds(), "it needs a crash");
    insta::assert_snapshot!(check().crashes(1).run(), @"
    this does not hold: the buyer is charged once
      1. Placed → Reserving, sends stock.reserve, arms ⏰ Slow
      2. stock.reserve is received, answered by Reserved
      3. Reserved → Charging, sends till.charge, arms ⏰ Slow
      4. till.charge is received, and a crash loses the answer; it will come again
      5. till.charge is received, answered by Approved
    where it then stands (states seen: 43):
      saga: Charging, with Facts { held: true, seen: 0 }
      around it: Market { stock: Held, approved: Some(true), charges: 2, forgetful: true, pay_outs: 0 }
      still to come: Approved, ⏰ Slow
    ");
}

#[test]
fn events_overtake_one_another_only_under_reordering() {
    let check = || {
        let check = sale::<{ flaw::NONE }>().begin_with([Event::Approved]);
        check.invariant("nothing is sold that is not paid for", |world| {
            world.state() != Some(&State::Sold) || world.environment.charges == 1
        })
    };
    let in_order = check().run();
    assert!(in_order.holds(), "{in_order}");
    insta::assert_snapshot!(check().reordering().run(), @"
    this does not hold: nothing is sold that is not paid for
      1. Placed → Reserving, sends stock.reserve, arms ⏰ Slow
      2. stock.reserve is received, answered by Reserved
      3. Reserved → Charging, sends till.charge, arms ⏰ Slow
      4. Approved → Sold, the end, sends seller.pay-out
    where it then stands (states seen: 16):
      saga: Sold, finished, with Facts { held: true, seen: 0 }
      around it: Market { stock: Held, approved: None, charges: 0, forgetful: false, pay_outs: 1 }
      still to come: till.charge
    ");
}

#[test]
fn timers_fire_at_any_moment_unless_they_come_last() {
    let check = || {
        let check = sale::<{ flaw::NONE }>().duplicates(1).reordering();
        check.invariant("nobody is asked twice at once", |world| {
            world.in_flight().iter().filter(|name| **name == Reserve::NAME).count() < 2
        })
    };
    let in_time = check().run();
    assert_eq!(in_time.broken(), None, "{in_time}");
    insta::assert_snapshot!(check().timers_below(2).run(), @"
    this does not hold: nobody is asked twice at once
      1. Placed → Reserving, sends stock.reserve, arms ⏰ Slow
      2. ⏰ Slow → Reserving, sends stock.reserve, arms ⏰ Slow
    where it then stands (states seen: 21):
      saga: Reserving, with Facts { held: false, seen: 0 }
      around it: Market { stock: Untouched, approved: None, charges: 0, forgetful: false, pay_outs: 0 }
      still to come: stock.reserve, stock.reserve, ⏰ Slow
    ");
}

#[test]
fn a_saga_that_begins_nowhere_is_found() {
    insta::assert_snapshot!(sale::<{ flaw::BEGINS_NOWHERE }>().run(), @"
    this does not hold: a saga begins by going to a state
    where it then stands (states seen: 1):
      saga: not begun
      around it: Market { stock: Untouched, approved: None, charges: 0, forgetful: false, pay_outs: 0 }
      still to come: Placed
    ");
}

#[test]
fn a_saga_that_never_begins_is_found() {
    let report = Check::new(Sale, Market::<{ flaw::NONE }>::default()).begin_with([Event::Approved]).run();
    insta::assert_snapshot!(report, @"
    this does not hold: the saga begins
    where it then stands (states seen: 1):
      saga: not begun
      around it: Market { stock: Untouched, approved: None, charges: 0, forgetful: false, pay_outs: 0 }
      still to come: Approved
    ");
}

#[test]
fn a_search_without_an_end_is_no_proof() {
    let report = sale::<{ flaw::COUNTS_FOR_EVER }>().keeps_happening([Event::Placed]).states_max(1_000).run();
    assert!(!report.holds());
    insta::assert_snapshot!(report, @"W0046: more than 1000 states; no broken rule was met so far. Give it fewer events or facts that do not grow with each of them, or raise the bound.");
}
