//! Stories of the fulfilment saga: what follows from each event, and what can never follow from any.

use orderly_contracts::orders::PlacedOrder;
use orderly_orders::{
    Event, Fulfilment, OrderChange, State, Timer,
    domain::{OrderStatus, check_history},
};
use proptest::prelude::*;
use wharf::{Next, Saga, Start, Step, TimerChange};

use super::*;

/// An instance, stepped by hand.
#[derive(Default)]
struct Story {
    instance: Option<(PlacedOrder, State)>,
    finished: bool,
    statuses: Vec<OrderStatus>,
    sent: Vec<&'static str>,
    lines: Vec<String>,
}

impl Story {
    fn tell(events: impl IntoIterator<Item = Event>) -> Self {
        let mut story = Self { statuses: vec![OrderStatus::Pending], ..Self::default() };
        for event in events {
            story.happen(event);
        }
        story
    }

    fn happen(&mut self, event: Event) {
        let name = format!("{event:?}");
        let name = name.split(['(', ' ']).next().unwrap_or_default().to_owned();
        let step = match self.instance.take() {
            Some((mut facts, state)) => {
                let step = Fulfilment::step(&mut facts, state.clone(), event);
                self.instance = Some((facts, state));
                step
            }
            None => match Fulfilment::start(event) {
                Start::Begin { facts, step } => {
                    self.instance = Some((facts, State::Created));
                    step
                }
                Start::TooEarly => {
                    self.lines.push(format!("{name}: too early"));
                    return;
                }
            },
        };
        self.lines.push(format!("{name}: {}", told(&step)));
        self.apply(step);
    }

    fn apply(&mut self, step: Step<Fulfilment>) {
        for change in &step.changes {
            self.statuses.push(match change {
                OrderChange::Validated => OrderStatus::Validated,
                OrderChange::PaymentStarted => OrderStatus::PaymentProcessing,
                OrderChange::Paid { .. } => OrderStatus::Paid,
                OrderChange::Shipped { .. } => OrderStatus::Shipped,
                OrderChange::Delivered => OrderStatus::Delivered,
                OrderChange::Cancelled { .. } => OrderStatus::Cancelled,
                OrderChange::Expired => OrderStatus::Expired,
            });
        }
        self.sent.extend(step.messages.iter().map(|message| message.name));
        let Some((_, state)) = &mut self.instance else { return };
        match step.next {
            Next::Stay => {}
            Next::To(next) => *state = next,
            Next::Finish(next) => {
                *state = next;
                self.finished = true;
            }
        }
    }

    fn times(&self, message: &str) -> usize {
        self.sent.iter().filter(|sent| **sent == message).count()
    }
}

/// A step in one line: where to, what is written, what is sent, which timers.
fn told(step: &Step<Fulfilment>) -> String {
    if step.is_nothing() {
        return "nothing".to_owned();
    }
    let mut parts = vec![match &step.next {
        Next::Stay => "stays".to_owned(),
        Next::To(state) => format!("→ {state:?}"),
        Next::Finish(state) => format!("⇥ {state:?}"),
    }];
    parts.extend(step.changes.iter().map(|change| {
        let change = format!("{change:?}");
        format!("✎ {}", change.split([' ', '{']).next().unwrap_or_default())
    }));
    parts.extend(step.messages.iter().map(|message| message.name.to_owned()));
    parts.extend(step.timers.iter().map(|timer| match timer {
        TimerChange::Arm(timer, delay) => format!("⏲ {timer:?} {}s", delay.as_secs()),
        TimerChange::Disarm(timer) => format!("⏲ no {timer:?}"),
    }));
    parts.join(", ")
}

fn check(events: impl IntoIterator<Item = Event>, expected: &str) {
    let story = Story::tell(events).lines.join("\n");
    let expected: Vec<_> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(story, expected.join("\n"), "\nthe story was:\n{story}\n");
}

#[test]
fn an_order_goes_from_validation_to_the_customers_door() {
    check(
        [validated(), reserved(), started(), approved(), shipped(), delivered()],
        "Validated: → Created, ✎ Validated, inventory.reservation-requested, ⏲ Overall 1800s
         InventoryReserved: → InventoryReserved, payments.processing-requested
         PaymentStarted: → PaymentProcessing, ✎ PaymentStarted
         PaymentApproved: → Paid { retries: 0 }, ✎ Paid, orders.order-completed, shipping.order-shipping-requested, ⏲ Shipping 300s
         Shipped: → Shipped, ✎ Shipped, inventory.commit-requested, notifications.requested, ⏲ Delivery 1209600s, ⏲ no Shipping, ⏲ no Overall
         Delivered: ⇥ Completed, ✎ Delivered, notifications.requested",
    );
}

#[test]
fn an_invalid_order_is_cancelled_before_anything_is_held() {
    check([invalid()], "Invalid: ⇥ Failed, ✎ Cancelled, notifications.requested");
}

#[test]
fn an_order_out_of_stock_is_cancelled() {
    check(
        [validated(), out_of_stock()],
        "Validated: → Created, ✎ Validated, inventory.reservation-requested, ⏲ Overall 1800s
         ReservationFailed: ⇥ Failed, ✎ Cancelled, notifications.requested",
    );
}

#[test]
fn a_declined_payment_is_voided_first_and_then_the_stock_is_released() {
    check(
        [validated(), reserved(), started(), declined(), voided(), released()],
        "Validated: → Created, ✎ Validated, inventory.reservation-requested, ⏲ Overall 1800s
         InventoryReserved: → InventoryReserved, payments.processing-requested
         PaymentStarted: → PaymentProcessing, ✎ PaymentStarted
         PaymentDeclined: → Compensating { ending: Declined, undoing: Payment }, ✎ Cancelled, notifications.requested, payments.void-requested, ⏲ no Overall, ⏲ Undoing 3600s
         PaymentVoided: → Compensating { ending: Declined, undoing: Stock }, inventory.release-requested, ⏲ Undoing 3600s
         InventoryReleased: ⇥ Failed",
    );
}

#[test]
fn a_cancellation_before_stock_is_held_only_releases() {
    check(
        [validated(), cancel(), reserved(), released()],
        "Validated: → Created, ✎ Validated, inventory.reservation-requested, ⏲ Overall 1800s
         CancelRequested: → Compensating { ending: Withdrawn, undoing: Stock }, ✎ Cancelled, inventory.release-requested, notifications.requested, ⏲ Undoing 3600s, ⏲ no Overall
         InventoryReserved: nothing
         InventoryReleased: ⇥ Failed",
    );
}

#[test]
fn a_step_back_that_is_not_done_is_asked_for_every_hour() {
    let hour = || Event::TimedOut(Timer::Undoing);
    check(
        [validated(), reserved(), cancel(), hour(), voided(), hour(), released(), hour()],
        "Validated: → Created, ✎ Validated, inventory.reservation-requested, ⏲ Overall 1800s
         InventoryReserved: → InventoryReserved, payments.processing-requested
         CancelRequested: → Compensating { ending: Withdrawn, undoing: Payment }, ✎ Cancelled, notifications.requested, payments.void-requested, ⏲ no Overall, ⏲ Undoing 3600s
         TimedOut: stays, payments.void-requested, ⏲ Undoing 3600s
         PaymentVoided: → Compensating { ending: Withdrawn, undoing: Stock }, inventory.release-requested, ⏲ Undoing 3600s
         TimedOut: stays, inventory.release-requested, ⏲ Undoing 3600s
         InventoryReleased: ⇥ Failed
         TimedOut: nothing",
    );
}

#[test]
fn an_order_nothing_happened_to_expires_and_gives_everything_back() {
    check(
        [validated(), reserved(), started(), stale(), approved(), voided(), released()],
        "Validated: → Created, ✎ Validated, inventory.reservation-requested, ⏲ Overall 1800s
         InventoryReserved: → InventoryReserved, payments.processing-requested
         PaymentStarted: → PaymentProcessing, ✎ PaymentStarted
         Stale: → Compensating { ending: Expired, undoing: Payment }, ✎ Expired, orders.order-expired, payments.void-requested, ⏲ no Overall, ⏲ Undoing 3600s
         PaymentApproved: nothing
         PaymentVoided: → Compensating { ending: Expired, undoing: Stock }, inventory.release-requested, ⏲ Undoing 3600s
         InventoryReleased: ⇥ Failed",
    );
}

#[test]
fn a_cancellation_of_a_paid_order_is_too_late() {
    let story = Story::tell([validated(), reserved(), started(), approved(), cancel()]);
    assert_eq!(story.lines.last().map(String::as_str), Some("CancelRequested: nothing"));
}

#[test]
fn a_silent_carrier_is_asked_three_times_before_a_person_is() {
    let late = || Event::TimedOut(Timer::Shipping);
    let story = Story::tell([validated(), reserved(), started(), approved(), late(), late(), late()]);
    assert_eq!(story.times("shipping.order-shipping-requested"), 3);
    assert_eq!(
        story.instance.map(|(_, state)| state),
        Some(State::NeedsAttention { reason: "the carrier does not answer".to_owned() })
    );
}

#[test]
fn a_parcel_that_arrives_before_the_news_that_it_left_completes_the_order() {
    let story = Story::tell([validated(), reserved(), started(), approved(), delivered(), shipped()]);
    assert_eq!(story.instance.map(|(_, state)| state), Some(State::Completed));
    assert_eq!(story.sent.iter().filter(|sent| **sent == "inventory.commit-requested").count(), 1);
}

#[test]
fn what_comes_before_validation_is_too_early() {
    for event in [reserved(), released(), started(), approved(), shipped(), delivered(), cancel(), stale()] {
        assert!(matches!(Fulfilment::start(event), Start::TooEarly));
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let all: Vec<fn() -> Event> = vec![
        validated,
        invalid,
        reserved,
        out_of_stock,
        released,
        started,
        approved,
        declined,
        voided,
        shipped,
        delivered,
        refused,
        cancel,
        stale,
        || Event::TimedOut(Timer::Overall),
        || Event::TimedOut(Timer::Shipping),
        || Event::TimedOut(Timer::Delivery),
    ];
    prop::sample::select(all).prop_map(|event| event())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Whatever comes, in whatever order and however often.
    #[test]
    fn no_sequence_of_events_breaks_a_promise(events in prop::collection::vec(any_event(), 0..40)) {
        let story = Story::tell(std::iter::once(validated()).chain(events));

        prop_assert!(check_history(&story.statuses).is_ok(), "illegal history {:?}", story.statuses);
        for once in ["orders.order-completed", "orders.order-expired", "inventory.commit-requested",
                     "inventory.release-requested", "payments.void-requested", "payments.processing-requested"] {
            prop_assert!(story.times(once) <= 1, "{once} was sent {} times", story.times(once));
        }
        let (paid, undone) = (story.times("orders.order-completed"), story.times("inventory.release-requested"));
        prop_assert!(paid == 0 || undone == 0, "paid, and given back all the same");
        prop_assert!(story.times("inventory.commit-requested") <= paid, "shipped without being paid");
        if let (true, Some((_, state))) = (story.finished, &story.instance) {
            prop_assert!(matches!(state, State::Completed | State::Failed), "went on after its end: {state:?}");
        }
    }
}
