//! One order has one parcel, and one key one text.

use orderly_contracts::OrderId;
use orderly_shipping::domain::{ShipmentKey, UnknownShipmentKey};

#[test]
fn a_key_names_its_order() {
    let key = ShipmentKey { order: OrderId(42) };
    assert_eq!(key.to_string(), "ship:42");
    assert_eq!("ship:42".parse(), Ok(key));
}

#[test]
fn no_other_text_means_it() {
    for text in ["", "ship:", "ship:+42", "ship:042", "ship:42:1", "pay:42"] {
        assert_eq!(text.parse::<ShipmentKey>(), Err(UnknownShipmentKey), "{text:?}");
    }
}
