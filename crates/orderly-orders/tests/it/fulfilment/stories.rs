//! Stories of the fulfilment saga: what follows from each event, and what can never follow from any.

use std::{borrow::Cow, time::Duration};

use orderly_contracts::orders::PlacedOrder;
use orderly_orders::{
    Deadlines, Event, Fulfilment, OrderChange, State, Timer,
    domain::{OrderStatus, check_history},
};
use proptest::prelude::*;
use wharf::{Next, Saga, Start, Step, TimerChange};

use super::*;

/// An instance, stepped by hand.
#[derive(Default)]
struct Story {
    saga: Fulfilment,
    instance: Option<(PlacedOrder, State)>,
    finished: bool,
    statuses: Vec<OrderStatus>,
    sent: Vec<Cow<'static, str>>,
    lines: Vec<String>,
}

impl Story {
    fn tell(events: impl IntoIterator<Item = Event>) -> Self {
        Self::tell_of(Fulfilment::default(), events)
    }

    fn tell_of(saga: Fulfilment, events: impl IntoIterator<Item = Event>) -> Self {
        let mut story = Self { saga, statuses: vec![OrderStatus::Pending], ..Self::default() };
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
                let step = self.saga.step(&mut facts, state.clone(), event);
                self.instance = Some((facts, state));
                step
            }
            None => match self.saga.start(event) {
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
                OrderChange::Halted { .. } | OrderChange::GoesOn => continue,
                OrderChange::Validated => OrderStatus::Validated,
                OrderChange::PaymentStarted => OrderStatus::PaymentProcessing,
                OrderChange::Paid { .. } => OrderStatus::Paid,
                OrderChange::Shipped { .. } => OrderStatus::Shipped,
                OrderChange::Delivered => OrderStatus::Delivered,
                OrderChange::Cancelled { .. } => OrderStatus::Cancelled,
                OrderChange::Expired => OrderStatus::Expired,
            });
        }
        self.sent.extend(step.messages.iter().map(|message| message.name.clone()));
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
        self.sent.iter().filter(|sent| **sent == *message).count()
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
    parts.extend(step.messages.iter().map(|message| message.name.to_string()));
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
         PaymentStarted: → PaymentProcessing, ✎ PaymentStarted, ⏲ Payment 120s
         PaymentApproved: → Paid { retries: 0 }, ✎ Paid, orders.order-completed, shipping.order-shipping-requested, ⏲ Shipping 300s, ⏲ no Payment
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
         PaymentStarted: → PaymentProcessing, ✎ PaymentStarted, ⏲ Payment 120s
         PaymentDeclined: → Compensating { ending: Declined, undoing: Payment }, ✎ Cancelled, payments.void-requested, notifications.requested, ⏲ Undoing 600s, ⏲ no Overall, ⏲ no Payment
         PaymentVoided: → Compensating { ending: Declined, undoing: Stock }, inventory.release-requested, ⏲ Undoing 600s
         InventoryReleased: ⇥ Failed",
    );
}

#[test]
fn a_cancellation_before_stock_is_held_only_releases() {
    check(
        [validated(), cancel(), reserved(), released()],
        "Validated: → Created, ✎ Validated, inventory.reservation-requested, ⏲ Overall 1800s
         CancelRequested: → Compensating { ending: Withdrawn, undoing: Stock }, ✎ Cancelled, inventory.release-requested, notifications.requested, ⏲ Undoing 600s, ⏲ no Overall
         InventoryReserved: nothing
         InventoryReleased: ⇥ Failed",
    );
}

#[test]
fn a_step_back_that_is_not_done_is_asked_for_again_and_calls_a_person() {
    let hour = || Event::TimedOut(Timer::Undoing);
    check(
        [validated(), reserved(), cancel(), hour(), voided(), hour(), released(), hour()],
        "Validated: → Created, ✎ Validated, inventory.reservation-requested, ⏲ Overall 1800s
         InventoryReserved: → InventoryReserved, payments.processing-requested
         CancelRequested: → Compensating { ending: Withdrawn, undoing: Payment }, ✎ Cancelled, payments.void-requested, notifications.requested, ⏲ Undoing 600s, ⏲ no Overall, ⏲ no Payment
         TimedOut: → NeedsAttention { reason: \"the payment cannot be given back\", halted: Compensating { ending: Withdrawn, undoing: Payment } }, ✎ Halted, payments.void-requested, ⏲ Undoing 3600s
         PaymentVoided: → Compensating { ending: Withdrawn, undoing: Stock }, ✎ GoesOn, inventory.release-requested, ⏲ Undoing 600s
         TimedOut: → NeedsAttention { reason: \"the stock cannot be released\", halted: Compensating { ending: Withdrawn, undoing: Stock } }, ✎ Halted, inventory.release-requested, ⏲ Undoing 3600s
         InventoryReleased: ⇥ Failed, ✎ GoesOn
         TimedOut: nothing",
    );
}

#[test]
fn an_order_nothing_happened_to_expires_and_gives_everything_back() {
    check(
        [validated(), reserved(), started(), stale(), approved(), voided(), released()],
        "Validated: → Created, ✎ Validated, inventory.reservation-requested, ⏲ Overall 1800s
         InventoryReserved: → InventoryReserved, payments.processing-requested
         PaymentStarted: → PaymentProcessing, ✎ PaymentStarted, ⏲ Payment 120s
         Stale: → Compensating { ending: Stale, undoing: Payment }, ✎ Expired, payments.void-requested, orders.order-expired, ⏲ Undoing 600s, ⏲ no Overall, ⏲ no Payment
         PaymentApproved: nothing
         PaymentVoided: → Compensating { ending: Stale, undoing: Stock }, inventory.release-requested, ⏲ Undoing 600s
         InventoryReleased: ⇥ Failed",
    );
}

/// The story from the moment an order is paid.
fn check_from_paid(events: impl IntoIterator<Item = Event>, expected: &str) {
    let before = [validated(), reserved(), started(), approved()];
    let (skip, mut story) = (before.len(), Story::tell(before));
    for event in events {
        story.happen(event);
    }
    let story = story.lines[skip..].join("\n");
    let expected: Vec<_> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(story, expected.join("\n"), "\nthe story was:\n{story}\n");
}

fn late(timer: Timer) -> Event {
    Event::TimedOut(timer)
}

#[test]
fn o33_a_parcel_that_is_refused_gives_back_the_money_and_the_stock() {
    check_from_paid(
        [refused(), called_back(), voided(), released()],
        "ShippingFailed: → Compensating { ending: NotShipped, undoing: Shipment }, shipping.cancel-requested, ⏲ Undoing 600s, ⏲ no Overall, ⏲ no Shipping
         ShipmentCancelled: → Compensating { ending: NotShipped, undoing: Payment }, ✎ Cancelled, payments.void-requested, notifications.requested, ⏲ Undoing 600s
         PaymentVoided: → Compensating { ending: NotShipped, undoing: Stock }, inventory.release-requested, ⏲ Undoing 600s
         InventoryReleased: ⇥ Failed",
    );
}

#[test]
fn o34_a_silent_carrier_is_asked_three_times_and_then_the_parcel_is_called_back() {
    let silence = || late(Timer::Shipping);
    check_from_paid(
        [silence(), silence(), silence(), called_back(), voided(), released()],
        "TimedOut: → Paid { retries: 1 }, shipping.order-shipping-requested, ⏲ Shipping 300s
         TimedOut: → Paid { retries: 2 }, shipping.order-shipping-requested, ⏲ Shipping 300s
         TimedOut: → Compensating { ending: NotShipped, undoing: Shipment }, shipping.cancel-requested, ⏲ Undoing 600s, ⏲ no Overall, ⏲ no Shipping
         ShipmentCancelled: → Compensating { ending: NotShipped, undoing: Payment }, ✎ Cancelled, payments.void-requested, notifications.requested, ⏲ Undoing 600s
         PaymentVoided: → Compensating { ending: NotShipped, undoing: Stock }, inventory.release-requested, ⏲ Undoing 600s
         InventoryReleased: ⇥ Failed",
    );
}

#[test]
fn a_paid_order_that_no_carrier_has_after_half_an_hour_expires() {
    check_from_paid([late(Timer::Overall), called_back(), voided(), released()], "TimedOut: → Compensating { ending: Overdue, undoing: Shipment }, shipping.cancel-requested, ⏲ Undoing 600s, ⏲ no Overall, ⏲ no Shipping
         ShipmentCancelled: → Compensating { ending: Overdue, undoing: Payment }, ✎ Expired, payments.void-requested, orders.order-expired, ⏲ Undoing 600s
         PaymentVoided: → Compensating { ending: Overdue, undoing: Stock }, inventory.release-requested, ⏲ Undoing 600s
         InventoryReleased: ⇥ Failed");
}

#[test]
fn o35_a_paid_order_is_cancelled_when_the_carrier_lets_go_of_the_parcel() {
    check_from_paid([cancel(), called_back(), voided(), released()], "CancelRequested: → Compensating { ending: Withdrawn, undoing: Shipment }, shipping.cancel-requested, ⏲ Undoing 600s, ⏲ no Overall, ⏲ no Shipping
         ShipmentCancelled: → Compensating { ending: Withdrawn, undoing: Payment }, ✎ Cancelled, payments.void-requested, notifications.requested, ⏲ Undoing 600s
         PaymentVoided: → Compensating { ending: Withdrawn, undoing: Stock }, inventory.release-requested, ⏲ Undoing 600s
         InventoryReleased: ⇥ Failed");
}

#[test]
fn o35_a_cancellation_loses_against_a_carrier_that_has_the_parcel() {
    check_from_paid([cancel(), shipped(), delivered()], "CancelRequested: → Compensating { ending: Withdrawn, undoing: Shipment }, shipping.cancel-requested, ⏲ Undoing 600s, ⏲ no Overall, ⏲ no Shipping
         Shipped: → Shipped, ✎ Shipped, inventory.commit-requested, notifications.requested, ⏲ Delivery 1209600s, ⏲ no Shipping, ⏲ no Overall, ⏲ no Undoing
         Delivered: ⇥ Completed, ✎ Delivered, notifications.requested");
}

#[test]
fn o36_a_second_cancellation_changes_nothing() {
    check_from_paid([cancel(), cancel(), called_back(), cancel(), voided(), cancel(), released(), cancel()], "CancelRequested: → Compensating { ending: Withdrawn, undoing: Shipment }, shipping.cancel-requested, ⏲ Undoing 600s, ⏲ no Overall, ⏲ no Shipping
         CancelRequested: nothing
         ShipmentCancelled: → Compensating { ending: Withdrawn, undoing: Payment }, ✎ Cancelled, payments.void-requested, notifications.requested, ⏲ Undoing 600s
         CancelRequested: nothing
         PaymentVoided: → Compensating { ending: Withdrawn, undoing: Stock }, inventory.release-requested, ⏲ Undoing 600s
         CancelRequested: nothing
         InventoryReleased: ⇥ Failed
         CancelRequested: nothing");
}

#[test]
fn what_was_shipped_while_it_was_called_back_is_not_cancelled_even_if_it_is_delivered_first() {
    check_from_paid([late(Timer::Overall), delivered(), shipped()], "TimedOut: → Compensating { ending: Overdue, undoing: Shipment }, shipping.cancel-requested, ⏲ Undoing 600s, ⏲ no Overall, ⏲ no Shipping
         Delivered: ⇥ Completed, ✎ Shipped, ✎ Delivered, inventory.commit-requested, notifications.requested, notifications.requested, ⏲ no Shipping, ⏲ no Overall
         Shipped: nothing");
}

#[test]
fn a_parcel_that_leaves_after_all_calls_a_person_and_is_recalled_before_anything_more_is_given_back() {
    check_from_paid([cancel(), called_back(), shipped(), voided(), late(Timer::Undoing), delivered(), called_back(), came_back(), voided(), released()], "CancelRequested: → Compensating { ending: Withdrawn, undoing: Shipment }, shipping.cancel-requested, ⏲ Undoing 600s, ⏲ no Overall, ⏲ no Shipping
         ShipmentCancelled: → Compensating { ending: Withdrawn, undoing: Payment }, ✎ Cancelled, payments.void-requested, notifications.requested, ⏲ Undoing 600s
         Shipped: → NeedsAttention { reason: \"the parcel left after all, and is being recalled\", halted: Compensating { ending: Withdrawn, undoing: Recall } }, ✎ Halted, shipping.cancel-requested, ⏲ Undoing 3600s
         PaymentVoided: nothing
         TimedOut: → NeedsAttention { reason: \"the parcel left after all, and is being recalled\", halted: Compensating { ending: Withdrawn, undoing: Recall } }, ✎ Halted, shipping.cancel-requested, ⏲ Undoing 3600s
         Delivered: nothing
         ShipmentCancelled: nothing
         ShipmentCancelled: → Compensating { ending: Withdrawn, undoing: Payment }, ✎ GoesOn, payments.void-requested, ⏲ Undoing 600s
         PaymentVoided: → Compensating { ending: Withdrawn, undoing: Stock }, inventory.release-requested, ⏲ Undoing 600s
         InventoryReleased: ⇥ Failed");
}

#[test]
fn a_parcel_that_leaves_when_everything_is_over_is_recalled_and_a_person_called() {
    check_from_paid([cancel(), called_back(), voided(), released(), shipped()], "CancelRequested: → Compensating { ending: Withdrawn, undoing: Shipment }, shipping.cancel-requested, ⏲ Undoing 600s, ⏲ no Overall, ⏲ no Shipping
         ShipmentCancelled: → Compensating { ending: Withdrawn, undoing: Payment }, ✎ Cancelled, payments.void-requested, notifications.requested, ⏲ Undoing 600s
         PaymentVoided: → Compensating { ending: Withdrawn, undoing: Stock }, inventory.release-requested, ⏲ Undoing 600s
         InventoryReleased: ⇥ Failed
         Shipped: stays, ✎ Halted, shipping.cancel-requested");
}

#[test]
fn o31_a_step_back_that_is_exhausted_raises_an_alarm_every_hour_and_goes_on_once_it_is_done() {
    let hour = || late(Timer::Undoing);
    check_from_paid([cancel(), hour(), called_back(), hour(), hour(), voided(), hour(), released(), hour()], "CancelRequested: → Compensating { ending: Withdrawn, undoing: Shipment }, shipping.cancel-requested, ⏲ Undoing 600s, ⏲ no Overall, ⏲ no Shipping
         TimedOut: → NeedsAttention { reason: \"the carrier does not say whether it has the parcel\", halted: Compensating { ending: Withdrawn, undoing: Shipment } }, ✎ Halted, shipping.cancel-requested, ⏲ Undoing 3600s
         ShipmentCancelled: → Compensating { ending: Withdrawn, undoing: Payment }, ✎ Cancelled, ✎ GoesOn, payments.void-requested, notifications.requested, ⏲ Undoing 600s
         TimedOut: → NeedsAttention { reason: \"the payment cannot be given back\", halted: Compensating { ending: Withdrawn, undoing: Payment } }, ✎ Halted, payments.void-requested, ⏲ Undoing 3600s
         TimedOut: → NeedsAttention { reason: \"the payment cannot be given back\", halted: Compensating { ending: Withdrawn, undoing: Payment } }, ✎ Halted, payments.void-requested, ⏲ Undoing 3600s
         PaymentVoided: → Compensating { ending: Withdrawn, undoing: Stock }, ✎ GoesOn, inventory.release-requested, ⏲ Undoing 600s
         TimedOut: → NeedsAttention { reason: \"the stock cannot be released\", halted: Compensating { ending: Withdrawn, undoing: Stock } }, ✎ Halted, inventory.release-requested, ⏲ Undoing 3600s
         InventoryReleased: ⇥ Failed, ✎ GoesOn
         TimedOut: nothing");
}

#[test]
fn a_shipped_order_is_no_longer_cancelled() {
    check_from_paid([shipped(), cancel(), delivered(), cancel()], "Shipped: → Shipped, ✎ Shipped, inventory.commit-requested, notifications.requested, ⏲ Delivery 1209600s, ⏲ no Shipping, ⏲ no Overall
         CancelRequested: nothing
         Delivered: ⇥ Completed, ✎ Delivered, notifications.requested
         CancelRequested: nothing");
}

#[test]
fn a_parcel_that_is_lost_calls_a_person_and_is_welcome_all_the_same() {
    check_from_paid([shipped(), late(Timer::Delivery), delivered()], "Shipped: → Shipped, ✎ Shipped, inventory.commit-requested, notifications.requested, ⏲ Delivery 1209600s, ⏲ no Shipping, ⏲ no Overall
         TimedOut: → NeedsAttention { reason: \"shipped, and not delivered in time\", halted: Shipped }, ✎ Halted
         Delivered: ⇥ Completed, ✎ Delivered, ✎ GoesOn, notifications.requested");
}

#[test]
fn o22_nobody_hears_of_a_payment_for_two_minutes_and_the_provider_is_asked() {
    check(
        [validated(), reserved(), started(), late(Timer::Payment), late(Timer::Payment), approved(), late(Timer::Payment)],
        "Validated: → Created, ✎ Validated, inventory.reservation-requested, ⏲ Overall 1800s
         InventoryReserved: → InventoryReserved, payments.processing-requested
         PaymentStarted: → PaymentProcessing, ✎ PaymentStarted, ⏲ Payment 120s
         TimedOut: stays, payments.inquiry-requested, ⏲ Payment 120s
         TimedOut: stays, payments.inquiry-requested, ⏲ Payment 120s
         PaymentApproved: → Paid { retries: 0 }, ✎ Paid, orders.order-completed, shipping.order-shipping-requested, ⏲ Shipping 300s, ⏲ no Payment
         TimedOut: nothing",
    );
}

#[test]
fn o24_a_provider_that_never_answers_is_as_good_as_one_that_declines() {
    check([validated(), reserved(), started(), unanswered(), voided(), released()], "Validated: → Created, ✎ Validated, inventory.reservation-requested, ⏲ Overall 1800s
         InventoryReserved: → InventoryReserved, payments.processing-requested
         PaymentStarted: → PaymentProcessing, ✎ PaymentStarted, ⏲ Payment 120s
         PaymentFailed: → Compensating { ending: Declined, undoing: Payment }, ✎ Cancelled, payments.void-requested, notifications.requested, ⏲ Undoing 600s, ⏲ no Overall, ⏲ no Payment
         PaymentVoided: → Compensating { ending: Declined, undoing: Stock }, inventory.release-requested, ⏲ Undoing 600s
         InventoryReleased: ⇥ Failed");
}

#[test]
fn a_provider_that_contradicts_itself_calls_a_person_and_the_order_can_still_be_cancelled() {
    check([validated(), reserved(), started(), disputed(), cancel(), voided(), released()], "Validated: → Created, ✎ Validated, inventory.reservation-requested, ⏲ Overall 1800s
         InventoryReserved: → InventoryReserved, payments.processing-requested
         PaymentStarted: → PaymentProcessing, ✎ PaymentStarted, ⏲ Payment 120s
         PaymentDisputed: → NeedsAttention { reason: \"taken, and declined\", halted: PaymentProcessing }, ✎ Halted
         CancelRequested: → Compensating { ending: Withdrawn, undoing: Payment }, ✎ Cancelled, ✎ GoesOn, payments.void-requested, notifications.requested, ⏲ Undoing 600s, ⏲ no Overall, ⏲ no Payment
         PaymentVoided: → Compensating { ending: Withdrawn, undoing: Stock }, inventory.release-requested, ⏲ Undoing 600s
         InventoryReleased: ⇥ Failed");
}

#[test]
fn a_dispute_over_a_paid_order_does_not_lose_its_parcel() {
    check_from_paid([disputed(), shipped(), disputed(), delivered(), disputed()], "PaymentDisputed: → NeedsAttention { reason: \"taken, and declined\", halted: Paid { retries: 0 } }, ✎ Halted
         Shipped: → Shipped, ✎ Shipped, ✎ GoesOn, inventory.commit-requested, notifications.requested, ⏲ Delivery 1209600s, ⏲ no Shipping, ⏲ no Overall
         PaymentDisputed: → NeedsAttention { reason: \"taken, and declined\", halted: Shipped }, ✎ Halted
         Delivered: ⇥ Completed, ✎ Delivered, ✎ GoesOn, notifications.requested
         PaymentDisputed: stays, ✎ Halted");
}

#[test]
fn o25_an_order_without_an_answer_expires_and_half_an_hour_is_another_reason_than_ten_minutes() {
    for (event, cause) in [(stale(), "Stale"), (late(Timer::Overall), "Overdue")] {
        let story = Story::tell([validated(), reserved(), started(), event]);
        let Some((_, State::Compensating { ending, .. })) = story.instance else { panic!("it does not go back") };
        assert_eq!(format!("{ending:?}"), cause);
        assert_eq!(story.times("orders.order-expired"), 1);
    }
}

#[test]
fn a_parcel_that_arrives_before_the_news_that_it_left_completes_the_order() {
    let story = Story::tell([validated(), reserved(), started(), approved(), delivered(), shipped()]);
    assert_eq!(story.instance.map(|(_, state)| state), Some(State::Completed));
    assert_eq!(story.sent.iter().filter(|sent| **sent == *"inventory.commit-requested").count(), 1);
}

#[test]
fn every_deadline_is_the_configured_one() {
    let seconds = Duration::from_secs;
    let deadlines = Deadlines {
        overall: seconds(2),
        payment: seconds(3),
        shipping: seconds(5),
        shipping_retries_max: 1,
        delivery: seconds(7),
        undoing: seconds(11),
        alarm: seconds(13),
    };
    let timers = |events: &[Event]| {
        let events = [validated(), reserved(), started()].into_iter().chain(events.iter().cloned());
        let lines = Story::tell_of(Fulfilment { deadlines }, events).lines.join(", ");
        let timers = lines.split(", ").filter(|part| part.starts_with('⏲') && part.ends_with('s'));
        timers.map(str::to_owned).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(timers(&[approved(), shipped()]), "⏲ Overall 2s, ⏲ Payment 3s, ⏲ Shipping 5s, ⏲ Delivery 7s");
    let (asked_again, silent) = (late(Timer::Shipping), late(Timer::Shipping));
    assert_eq!(
        timers(&[approved(), asked_again, silent, late(Timer::Undoing)]),
        "⏲ Overall 2s, ⏲ Payment 3s, ⏲ Shipping 5s, ⏲ Shipping 5s, ⏲ Undoing 11s, ⏲ Undoing 13s"
    );
}

#[test]
fn what_comes_before_validation_is_too_early() {
    for event in [reserved(), released(), started(), approved(), shipped(), delivered(), cancel(), stale()] {
        assert!(matches!(Fulfilment::default().start(event), Start::TooEarly));
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
        called_back,
        unanswered,
        cancel,
        stale,
        || Event::TimedOut(Timer::Overall),
        || Event::TimedOut(Timer::Payment),
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
                     "payments.processing-requested"] {
            prop_assert!(story.times(once) <= 1, "{once} was sent {} times", story.times(once));
        }
        // A parcel that leaves after all is recalled, and then what was undone is undone once more.
        let recalls = story.times("shipping.cancel-requested");
        for undone in ["inventory.release-requested", "payments.void-requested"] {
            let times = story.times(undone);
            prop_assert!(times <= 1 + recalls, "{undone} was sent {times} times with {recalls} recalls");
        }
        let (paid, undone) = (story.times("orders.order-completed"), story.times("payments.void-requested"));
        let is_shipped = story.statuses.contains(&OrderStatus::Shipped);
        prop_assert!(!is_shipped || undone == 0, "shipped, and given back all the same");
        prop_assert!(story.times("inventory.commit-requested") <= paid, "shipped without being paid");
        if let (true, Some((_, state))) = (story.finished, &story.instance) {
            prop_assert!(matches!(state, State::Completed | State::Failed), "went on after its end: {state:?}");
        }
    }
}
