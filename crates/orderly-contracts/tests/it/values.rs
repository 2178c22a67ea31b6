//! Ids, quantities, currencies and roles: plain on the wire, strict on the way in.

use orderly_contracts::{Currency, CustomerId, OrderId, Quantity, ReturnFate, Role, TrackingNumber};
use serde_json::{from_str, to_string};

#[test]
fn an_id_is_a_plain_number_everywhere() {
    let order: OrderId = "42".parse().unwrap();
    assert_eq!(order, OrderId(42));
    assert_eq!(order.to_string(), "42");
    assert_eq!(to_string(&order).unwrap(), "42");
    assert_eq!(from_str::<OrderId>("42").unwrap(), order);
    assert!("forty-two".parse::<OrderId>().is_err());
}

#[test]
fn the_walk_in_customer_is_nobody() {
    assert_eq!(CustomerId::WALK_IN, CustomerId(0));
}

#[test]
fn a_providers_id_is_repeated_as_it_came() {
    let tracking: TrackingNumber = from_str("\"ZX 81/ü\"").unwrap();
    assert_eq!(to_string(&tracking).unwrap(), "\"ZX 81/ü\"");
}

#[test]
fn a_quantity_is_at_least_one() {
    assert_eq!(from_str::<Quantity>("1").unwrap(), Quantity::ONE);
    assert_eq!(Quantity::new(74_215).unwrap().units(), 74_215);
    for refused in ["0", "-1", "4294967296", "1.5"] {
        assert!(from_str::<Quantity>(refused).is_err(), "{refused}");
    }
    insta::assert_snapshot!(Quantity::new(0).unwrap_err(), @"a quantity is between 1 and 4294967295, not 0");
}

#[test]
fn a_currency_is_three_capital_letters() {
    assert_eq!("GBP".parse(), Ok(Currency::GBP));
    for refused in ["", "GB", "gbp", "GBPX", "G1P", "ÄB"] {
        assert!(refused.parse::<Currency>().is_err(), "{refused}");
    }
}

#[test]
fn a_role_is_read_as_it_is_written() {
    for role in Role::ALL {
        assert_eq!(role.as_str().parse(), Ok(role));
        assert_eq!(to_string(&role).unwrap(), format!("\"{role}\""));
    }
    assert!("root".parse::<Role>().is_err());
}

#[test]
fn a_fate_is_read_as_it_is_written() {
    for fate in ReturnFate::ALL {
        assert_eq!(fate.as_str().parse(), Ok(fate));
        assert_eq!(to_string(&fate).unwrap(), format!("\"{fate}\""));
    }
    assert!("lost".parse::<ReturnFate>().is_err());
}
