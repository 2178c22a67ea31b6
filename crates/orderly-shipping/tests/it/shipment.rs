//! A parcel is accepted by one carrier, delivered once, and never becomes another.

use orderly_contracts::{OrderId, TrackingNumber};
use orderly_shipping::domain::{Change, Shipment, ShipmentError, ShipmentState};
use proptest::prelude::*;

fn parcel(number: &str) -> TrackingNumber {
    TrackingNumber::new(number)
}

fn shipment() -> Shipment {
    Shipment::request(OrderId(42))
}

#[test]
fn a_parcel_is_accepted_and_then_delivered() {
    let mut shipment = shipment();
    assert_eq!(shipment.tracking(), None);
    assert_eq!(shipment.accept(parcel("T1")), Ok(Change::Moved));
    assert_eq!(shipment.tracking(), Some(&parcel("T1")));
    assert_eq!(shipment.deliver(parcel("T1")), Ok(Change::Moved));
    assert_eq!(*shipment.state(), ShipmentState::Delivered { tracking: parcel("T1") });
}

#[test]
fn news_may_be_told_twice() {
    let mut shipment = shipment();
    shipment.accept(parcel("T1")).unwrap();
    assert_eq!(shipment.accept(parcel("T1")), Ok(Change::Repeated));
    shipment.deliver(parcel("T1")).unwrap();
    assert_eq!(shipment.deliver(parcel("T1")), Ok(Change::Repeated));
    assert_eq!(shipment.accept(parcel("T1")), Ok(Change::Repeated));
}

#[test]
fn a_second_parcel_is_an_error() {
    let mut shipment = shipment();
    shipment.accept(parcel("T1")).unwrap();
    let twice = shipment.accept(parcel("T2")).unwrap_err();
    assert_eq!(twice.code(), "shipped-twice");
    insta::assert_snapshot!(twice, @"parcel T2 is not parcel T1, which is on its way already");
    assert_eq!(shipment.deliver(parcel("T2")).unwrap_err().code(), "shipped-twice");
}

#[test]
fn a_delivery_that_overtakes_its_acceptance_has_to_wait() {
    assert_eq!(shipment().deliver(parcel("T1")), Err(ShipmentError::NotAccepted));
}

#[test]
fn a_refused_parcel_stays_refused() {
    let mut shipment = shipment();
    assert_eq!(shipment.refuse("no such street"), Ok(Change::Moved));
    assert_eq!(shipment.refuse("no such street"), Ok(Change::Repeated));
    assert_eq!(shipment.accept(parcel("T1")), Err(ShipmentError::AlreadyRefused));
    assert_eq!(shipment.deliver(parcel("T1")), Err(ShipmentError::AlreadyRefused));
}

#[test]
fn a_parcel_on_its_way_cannot_be_refused() {
    let mut shipment = shipment();
    shipment.accept(parcel("T1")).unwrap();
    assert_eq!(shipment.refuse("too heavy"), Err(ShipmentError::AlreadyAccepted { tracking: parcel("T1") }));
}

#[test]
fn a_parcel_that_was_called_back_does_not_leave() {
    let mut shipment = shipment();
    assert!(shipment.may_leave());
    assert_eq!(shipment.cancel(), Ok(Change::Moved));
    assert_eq!(shipment.cancel(), Ok(Change::Repeated));
    assert_eq!(shipment.refuse("called back"), Ok(Change::Repeated));
    assert_eq!(*shipment.state(), ShipmentState::Cancelled);
    assert!(!shipment.may_leave());
    assert_eq!(shipment.deliver(parcel("T1")), Err(ShipmentError::NotAccepted));
}

#[test]
fn what_a_carrier_has_is_true_even_if_it_had_said_otherwise() {
    let mut shipment = shipment();
    shipment.cancel().unwrap();
    assert_eq!(shipment.accept(parcel("T1")), Ok(Change::Moved));
    assert_eq!(shipment.cancel(), Ok(Change::Moved), "and what it gives back is given back");
    assert_eq!(shipment.tracking(), None);
}

#[test]
fn a_refused_parcel_needs_no_calling_back_and_a_delivered_one_cannot_be() {
    let mut refused = shipment();
    refused.refuse("too heavy").unwrap();
    assert_eq!(refused.cancel(), Ok(Change::Repeated));
    assert!(!refused.may_leave());
    let mut delivered = shipment();
    delivered.accept(parcel("T1")).unwrap();
    delivered.deliver(parcel("T1")).unwrap();
    assert_eq!(delivered.cancel().unwrap_err().code(), "already-accepted");
}

proptest! {
    /// Whatever the carrier says, an order has at most one parcel, and a parcel only moves forward.
    #[test]
    fn one_parcel_forward(said in prop::collection::vec((0..3_u8, 0..2_u8), 0..20)) {
        let rank = |shipment: &Shipment| match shipment.state() {
            ShipmentState::Requested => 0,
            ShipmentState::Accepted { .. } => 1,
            ShipmentState::Delivered { .. } | ShipmentState::Refused { .. } | ShipmentState::Cancelled => 2,
        };
        let mut shipment = shipment();
        for (what, number) in said {
            let before = shipment.clone();
            let number = parcel(&number.to_string());
            let change = match what {
                0 => shipment.accept(number),
                1 => shipment.deliver(number),
                _ => shipment.refuse("no"),
            };
            if change == Ok(Change::Moved) {
                prop_assert!(rank(&shipment) > rank(&before));
            } else {
                prop_assert_eq!(&shipment, &before);
            }
            prop_assert!(before.tracking().is_none() || before.tracking() == shipment.tracking());
        }
    }
}
