//! One product, one code, however it is typed.

use orderly_catalog::domain::{SKU_LENGTH_MAX_CHARS, Sku, SkuError};
use proptest::prelude::*;

#[test]
fn case_and_surrounding_space_do_not_matter() {
    assert_eq!(Sku::parse(" 85123a\n"), Sku::parse("85123A"));
    assert_eq!(Sku::parse("85123a").unwrap().as_str(), "85123A");
    assert_eq!(Sku::parse("bank charges").unwrap().as_str(), "BANK CHARGES");
}

#[test]
fn what_cannot_be_a_code_is_refused() {
    assert_eq!(Sku::parse("  "), Err(SkuError::Empty));
    assert_eq!(Sku::parse(&"A".repeat(65)), Err(SkuError::TooLong));
    assert_eq!(Sku::parse("A\u{0}B"), Err(SkuError::ControlCharacter));
}

#[test]
fn a_code_that_grows_in_upper_case_is_measured_after_it_grew() {
    assert_eq!(Sku::parse(&"ß".repeat(33)), Err(SkuError::TooLong));
}

proptest! {
    /// A code reads back as itself, so that what is stored is found again.
    #[test]
    fn reading_a_code_twice_changes_nothing(text: String) {
        if let Ok(sku) = Sku::parse(&text) {
            prop_assert!(sku.as_str().chars().count() <= SKU_LENGTH_MAX_CHARS);
            prop_assert_eq!(Sku::parse(sku.as_str()), Ok(sku.clone()));
        }
    }
}
