//! The fulfilment saga and the modules around it, in every state they can reach together.
//!
//! The modules are modelled by what they decide (see `domain/` of each), so small that every way through can be seen.

use orderly_contracts::{
    inventory::{InventoryCommitRequested, InventoryReleaseRequested, InventoryReservationRequested},
    notifications::NotificationRequested,
    orders::{OrderCompletedEvent, OrderExpiredEvent},
    payments::{PaymentInquiryRequested, PaymentProcessingRequested, PaymentVoidRequested},
    shipping::{OrderShippingRequested, ShipmentCancelRequested},
};
use orderly_orders::{Event, Fulfilment, OrderChange, State, Undoing, domain::OrderStatus};
use wharf::{
    Draft, Message, Step,
    testing::{Chance, Check, Environment, World},
};

use super::*;

/// Everything around the saga of one order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shop {
    reservation: Reservation,
    /// What the payments module has on record.
    intent: Intent,
    /// What stands in the provider's books.
    money: Money,
    parcel: Parcel,
    status: OrderStatus,
    completed_events: u8,
    /// Whether the book calls a person.
    calls_a_person: bool,
    /// What a module refused for good: a dead letter.
    refused: Option<&'static str>,
    /// Whether the saga is waiting for a parcel that left after all.
    awaits_recall: bool,
    /// A stockroom that does not remember what it refused.
    forgets_refusals: bool,
    /// A carrier that takes parcels which it has said it would not take.
    lies: bool,
    /// A shipping module whose answers do not tell whether they are about a parcel that left.
    blurs_answers: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Reservation {
    None,
    Held,
    Committed,
    Released,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Intent {
    None,
    Submitted,
    Voided,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Money {
    NeverAsked,
    Undecided,
    Declined,
    Taken,
    Voided,
    GivenBack,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Parcel {
    NeverAsked,
    Refused,
    /// The carrier has it; it may or may not have told.
    HandedOver {
        told: bool,
    },
    /// It never leaves.
    CalledBack,
    /// It left, though the carrier had said that it would not.
    LeftAfterAll,
    /// And it came back.
    CameBack,
}

impl Shop {
    fn new() -> Self {
        Self {
            reservation: Reservation::None,
            intent: Intent::None,
            money: Money::NeverAsked,
            parcel: Parcel::NeverAsked,
            status: OrderStatus::Pending,
            completed_events: 0,
            calls_a_person: false,
            refused: None,
            awaits_recall: false,
            forgets_refusals: false,
            lies: false,
            blurs_answers: false,
        }
    }

    fn reserve(&mut self, chance: &mut Chance) -> Vec<Event> {
        match self.reservation {
            Reservation::None if chance.pick([true, false]) => {
                self.reservation = Reservation::Held;
                vec![reserved()]
            }
            Reservation::None | Reservation::Released => {
                if !self.forgets_refusals {
                    self.reservation = Reservation::Released;
                }
                vec![out_of_stock()]
            }
            Reservation::Held | Reservation::Committed => vec![],
        }
    }

    fn release(&mut self) -> Vec<Event> {
        if self.reservation == Reservation::Committed {
            self.refused = Some("a release of what has left the warehouse");
            return vec![];
        }
        self.reservation = Reservation::Released;
        vec![released()]
    }

    fn commit(&mut self) -> Vec<Event> {
        match self.reservation {
            Reservation::Held | Reservation::Committed => self.reservation = Reservation::Committed,
            Reservation::None | Reservation::Released => self.refused = Some("a commit of what is not held"),
        }
        vec![]
    }

    /// From the request to the provider's answer. While the provider has not decided, nothing follows, perhaps never.
    fn pay(&mut self, chance: &mut Chance) -> Vec<Event> {
        if self.intent != Intent::None {
            return vec![];
        }
        if self.money == Money::NeverAsked {
            self.money = chance.pick([Money::Taken, Money::Declined, Money::Undecided]);
            if chance.crash() {
                return vec![];
            }
            if self.money != Money::Declined && chance.pick([false, true]) {
                // Every answer was lost.
                self.intent = Intent::Submitted;
                return vec![started(), unanswered()];
            }
        }
        self.intent = Intent::Submitted;
        match self.money {
            Money::Taken => vec![started(), approved()],
            Money::Declined | Money::Voided => vec![started(), declined()],
            Money::NeverAsked | Money::Undecided | Money::GivenBack => vec![started()],
        }
    }

    /// Only what is still open is asked about. The provider may have decided since.
    fn inquire(&mut self, chance: &mut Chance) -> Vec<Event> {
        if self.intent != Intent::Submitted {
            return vec![];
        }
        if self.money == Money::Undecided {
            self.money = chance.pick([Money::Undecided, Money::Taken, Money::Declined]);
        }
        match self.money {
            Money::Taken => vec![approved()],
            Money::Declined | Money::Voided => vec![declined()],
            Money::NeverAsked | Money::Undecided | Money::GivenBack => vec![],
        }
    }

    fn void(&mut self, chance: &mut Chance) -> Vec<Event> {
        self.money = match self.money {
            Money::Taken | Money::GivenBack => Money::GivenBack,
            Money::NeverAsked | Money::Undecided | Money::Voided => Money::Voided,
            Money::Declined => Money::Declined,
        };
        if chance.crash() {
            return vec![];
        }
        self.intent = Intent::Voided;
        vec![voided()]
    }

    /// A carrier that is silent has taken nothing.
    fn ship(&mut self, chance: &mut Chance) -> Vec<Event> {
        if self.parcel == Parcel::NeverAsked {
            self.parcel = chance.pick([Parcel::HandedOver { told: false }, Parcel::Refused, Parcel::NeverAsked]);
            if chance.crash() {
                return vec![];
            }
            if self.parcel == Parcel::Refused {
                return vec![refused()];
            }
        }
        match self.parcel {
            Parcel::HandedOver { told: false } => {
                self.parcel = Parcel::HandedOver { told: true };
                chance.pick([vec![shipped(), delivered()], vec![shipped()]])
            }
            Parcel::CalledBack if self.lies => {
                self.parcel = Parcel::LeftAfterAll;
                vec![shipped()]
            }
            Parcel::NeverAsked
            | Parcel::Refused
            | Parcel::CalledBack
            | Parcel::LeftAfterAll
            | Parcel::CameBack
            | Parcel::HandedOver { told: true } => vec![],
        }
    }

    fn call_back(&mut self, request: &ShipmentCancelRequested, chance: &mut Chance) -> Vec<Event> {
        let answer = if request.has_left || self.blurs_answers { came_back } else { called_back };
        match self.parcel {
            // It has it now, and gives it back to who knows that.
            Parcel::LeftAfterAll if !request.has_left => vec![shipped()],
            Parcel::LeftAfterAll | Parcel::CameBack => {
                self.parcel = Parcel::CameBack;
                vec![answer()]
            }
            Parcel::NeverAsked | Parcel::Refused | Parcel::CalledBack => {
                self.parcel = Parcel::CalledBack;
                if chance.crash() {
                    return vec![];
                }
                vec![answer()]
            }
            Parcel::HandedOver { .. } => {
                self.parcel = Parcel::HandedOver { told: true };
                vec![shipped()]
            }
        }
    }
}

impl Environment for Shop {
    type Saga = Fulfilment;

    fn receive(&mut self, message: &Draft, chance: &mut Chance) -> Vec<Event> {
        match &*message.name {
            InventoryReservationRequested::NAME => self.reserve(chance),
            InventoryReleaseRequested::NAME => self.release(),
            InventoryCommitRequested::NAME => self.commit(),
            PaymentProcessingRequested::NAME => self.pay(chance),
            PaymentInquiryRequested::NAME => self.inquire(chance),
            PaymentVoidRequested::NAME => self.void(chance),
            OrderShippingRequested::NAME => self.ship(chance),
            ShipmentCancelRequested::NAME => {
                self.call_back(&serde_json::from_str(message.body.as_ref().unwrap()).unwrap(), chance)
            }
            unheard => panic!("nobody here listens to {unheard}"),
        }
    }

    fn listens_to(name: &str) -> bool {
        let told_only = [OrderCompletedEvent::NAME, OrderExpiredEvent::NAME, NotificationRequested::NAME];
        !told_only.contains(&name)
    }

    fn observe(&mut self, step: &Step<Fulfilment>) {
        for change in &step.changes {
            let next = match change {
                OrderChange::Validated => OrderStatus::Validated,
                OrderChange::PaymentStarted => OrderStatus::PaymentProcessing,
                OrderChange::Paid { .. } => OrderStatus::Paid,
                OrderChange::Shipped { .. } => OrderStatus::Shipped,
                OrderChange::Delivered => OrderStatus::Delivered,
                OrderChange::Cancelled { .. } => OrderStatus::Cancelled,
                OrderChange::Expired => OrderStatus::Expired,
                OrderChange::Halted { .. } | OrderChange::GoesOn => {
                    self.calls_a_person = matches!(change, OrderChange::Halted { .. });
                    if self.awaits_recall && *change == OrderChange::GoesOn && self.parcel == Parcel::LeftAfterAll {
                        self.refused = Some("to give more back while the parcel is out");
                    }
                    self.awaits_recall =
                        matches!(change, OrderChange::Halted { reason } if reason.contains("left after all"));
                    continue;
                }
            };
            match self.status.to(next) {
                Ok(next) => self.status = next,
                Err(_) => self.refused = Some("a status that does not follow"),
            }
        }
        let completed = step.messages.iter().filter(|message| message.name == OrderCompletedEvent::NAME).count();
        self.completed_events += u8::try_from(completed).unwrap();
    }
}

/// The rules of the design that one order and its saga can keep or break.
fn fulfilment(first: Event) -> Check<Shop> {
    fulfilment_in(Shop::new(), first)
}

fn fulfilment_in(shop: Shop, first: Event) -> Check<Shop> {
    let gone = |shop: &Shop| matches!(shop.status, OrderStatus::Cancelled | OrderStatus::Expired);
    Check::new(Fulfilment::default(), shop)
        .begin_with([first])
        .may_happen([cancel()])
        .keeps_happening([stale()])
        .invariant("no module refuses what the saga asks", |world| world.environment.refused.is_none())
        .invariant("a parcel leaves only with its money", |world| {
            !matches!(world.environment.parcel, Parcel::HandedOver { .. }) || world.environment.money == Money::Taken
        })
        .invariant("nothing is both cancelled and shipped", move |world| {
            !(gone(world.environment) && matches!(world.environment.parcel, Parcel::HandedOver { .. }))
        })
        .invariant("an order is shipped once the carrier has it, and not before", |world| {
            let is_shipped = matches!(world.environment.status, OrderStatus::Shipped | OrderStatus::Delivered);
            !is_shipped || matches!(world.environment.parcel, Parcel::HandedOver { .. } | Parcel::LeftAfterAll)
        })
        .invariant("a cancelled order with money taken is giving it back", move |world| {
            let has_money = gone(world.environment) && world.environment.money == Money::Taken;
            !has_money || world.state().is_some_and(gives_back)
        })
        .invariant("the book calls a person when the saga waits for one, and not while it goes on", |world| {
            let waits = matches!(world.state(), Some(State::NeedsAttention { .. }));
            // Only what turns up after the end is for a person without a saga that waits.
            world.environment.calls_a_person == waits || (world.is_finished() && !waits)
        })
        .invariant("one order is completed once", |world| world.environment.completed_events <= 1)
        .invariant("a finished saga that fails keeps neither money nor stock", move |world| {
            let shop = world.environment;
            let keeps = shop.money == Money::Taken || shop.reservation == Reservation::Held;
            !(world.is_finished() && gone(shop) && keeps)
        })
        .invariant("an order is over when its saga is", move |world| {
            !world.is_finished() || gone(world.environment) || world.environment.status == OrderStatus::Delivered
        })
        .may_rest(is_lost_on_the_way)
        // What is not answered is asked for again and again: three things under way are enough to see what follows.
        .timers_below(3)
}

/// On its way to the customer for longer than any parcel is. Nobody but a person can find it.
fn is_lost_on_the_way(world: &World<'_, Shop>) -> bool {
    match world.state() {
        Some(State::NeedsAttention { halted, .. }) => **halted == State::Shipped,
        Some(_) | None => false,
    }
}

fn gives_back(state: &State) -> bool {
    match state {
        // Of a parcel that is being recalled, once it is back.
        State::Compensating { undoing, .. } => matches!(undoing, Undoing::Payment | Undoing::Recall),
        State::NeedsAttention { halted, .. } => gives_back(halted),
        State::Created
        | State::InventoryReserved
        | State::PaymentProcessing
        | State::Paid { .. }
        | State::Shipped
        | State::Completed
        | State::Failed => false,
    }
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "how much was seen is worth seeing: `cargo test -p orderly-orders checked -- --nocapture`"
)]
fn every_rule_holds_under_duplicates_losses_reordering_and_crashes() {
    let calm = fulfilment(validated()).run();
    assert!(calm.holds(), "{calm}");
    println!("when nothing goes wrong: {calm}");

    let troubled = fulfilment(validated()).duplicates(1).losses(1).crashes(1).reordering().run();
    assert!(troubled.holds(), "{troubled}");
    println!("when everything does: {troubled}");
}

#[test]
fn every_rule_holds_beside_a_provider_that_contradicts_itself() {
    let report = fulfilment(validated()).may_happen([disputed()]).losses(1).reordering().run();
    assert!(report.holds(), "{report}");
}

#[test]
fn every_rule_holds_for_an_order_that_is_invalid() {
    let report = fulfilment(invalid()).duplicates(2).losses(1).crashes(1).reordering().run();
    assert!(report.holds(), "{report}");
}

fn beside_a_liar(blurs_answers: bool) -> Check<Shop> {
    let shop = Shop { lies: true, blurs_answers, ..Shop::new() };
    fulfilment_in(shop, validated()).duplicates(1).reordering()
}

#[test]
fn every_rule_holds_beside_a_carrier_that_takes_what_it_had_refused_to_take() {
    let report = beside_a_liar(false).run();
    assert!(report.holds(), "{report}");
}

/// It used to be so: that no parcel would leave, said before it left, ended the wait for the one that did.
#[test]
fn an_answer_that_does_not_tell_which_parcel_it_is_about_is_found() {
    let report = beside_a_liar(true).run();
    assert_eq!(report.broken(), Some("no module refuses what the saga asks"));
    assert!(report.history().last().unwrap().contains("GoesOn"), "{report}");
}

/// Otherwise the rules would hold for want of anything to break them.
#[test]
fn every_state_is_reached() {
    let shortest = |state: &'static str| {
        let never = fulfilment(validated()).reordering().invariant(state, move |world| {
            world.state().is_none_or(|reached| !format!("{reached:?}").starts_with(state))
        });
        let report = never.run();
        assert_eq!(report.broken(), Some(state), "{report}");
        format!("{state} {}", report.history().len())
    };
    let ends = [
        "Created",
        "InventoryReserved",
        "PaymentProcessing",
        "Paid",
        "Shipped",
        "Completed",
        "Compensating",
        "Failed",
        "NeedsAttention",
    ];
    insta::assert_snapshot!(ends.map(shortest).join(", "), @"Created 1, InventoryReserved 3, PaymentProcessing 5, Paid 5, Shipped 7, Completed 7, Compensating 2, Failed 3, NeedsAttention 3");
}

/// It used to be so, until inventory left a tombstone where it refused.
#[test]
fn a_stockroom_that_forgets_what_it_refused_is_found() {
    let forgetful = Shop { forgets_refusals: true, ..Shop::new() };
    let report = fulfilment_in(forgetful, validated()).duplicates(1).reordering().run();
    assert_eq!(report.broken(), Some("a finished saga that fails keeps neither money nor stock"));
    insta::assert_snapshot!(report.history().join("\n"), @"
    Validated → Created, records Validated, sends inventory.reservation-requested, arms ⏰ Overall
    inventory.reservation-requested is received, answered by ReservationFailed; a duplicate follows
    ReservationFailed → Failed, the end, records Cancelled, sends notifications.requested
    inventory.reservation-requested is received, answered by InventoryReserved
    ");
}
