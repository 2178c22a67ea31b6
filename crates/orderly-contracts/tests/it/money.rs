//! Money is read, shown, added and multiplied without ever losing a cent.

use orderly_contracts::{Currency, Money, MoneyError};
use proptest::prelude::*;

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn parse(text: &str) -> Result<Money, MoneyError> {
    Money::parse(text, Currency::USD)
}

#[test]
fn decimal_text_is_read_as_minor_units() {
    assert_eq!(parse("1299.99"), Ok(usd(129_999)));
    assert_eq!(parse("10"), Ok(usd(1_000)));
    assert_eq!(parse("0.5"), Ok(usd(50)));
    assert_eq!(parse("007.05"), Ok(usd(705)));
    assert_eq!(parse("-11062.06"), Ok(usd(-1_106_206)));
}

#[test]
fn a_fraction_of_a_cent_is_refused() {
    assert_eq!(parse("0.001"), Err(MoneyError::SubCent));
    assert_eq!(parse("-9.999"), Err(MoneyError::SubCent));
}

#[test]
fn what_is_no_decimal_amount_is_refused() {
    for text in ["", "-", ".", "1.", ".5", "+1", "1,50", "1.2.3", "1e3", " 1", "--1", "£1", "٣"] {
        assert_eq!(parse(text), Err(MoneyError::NotANumber(text.to_owned())), "{text:?}");
    }
}

#[test]
fn an_amount_beyond_the_largest_is_refused() {
    assert_eq!(parse("92233720368547758.07"), Ok(usd(i64::MAX)));
    assert_eq!(parse("92233720368547758.08"), Err(MoneyError::Overflow));
    assert_eq!(parse("-92233720368547758.08"), Ok(usd(i64::MIN)));
    assert_eq!(usd(i64::MAX).checked_add(usd(1)), Err(MoneyError::Overflow));
    assert_eq!(usd(i64::MAX).times(2), Err(MoneyError::Overflow));
}

#[test]
fn currencies_do_not_mix() {
    let mixed = usd(1).checked_add(Money::new(1, Currency::GBP));
    insta::assert_snapshot!(mixed.unwrap_err(), @"USD and GBP do not add up");
}

proptest! {
    #[test]
    fn shown_money_reads_back(minor: i64) {
        prop_assert_eq!(parse(&usd(minor).to_string()), Ok(usd(minor)));
    }

    #[test]
    fn any_text_is_read_or_refused(text: String) {
        let _ = parse(&text);
    }

    #[test]
    fn times_is_repeated_addition(price in -10_000_i64..10_000, units in 0_i64..50) {
        let sum = (0..units).try_fold(usd(0), |sum, _| sum.checked_add(usd(price)));
        prop_assert_eq!(usd(price).times(units), sum);
    }
}
