//! A product has a name and a price.

use orderly_catalog::domain::{Product, ProductError, Sku};
use orderly_contracts::{Currency, Money, ProductId};

fn product(name: &str, minor: i64) -> Result<Product, ProductError> {
    Product::new(ProductId(1), Sku::parse("laptop-pro").unwrap(), name, Money::new(minor, Currency::USD))
}

#[test]
fn a_product_shows_what_it_was_given() {
    let laptop = product(" Laptop Pro ", 129_999).unwrap();
    assert_eq!(laptop.id(), ProductId(1));
    assert_eq!(laptop.sku().as_str(), "LAPTOP-PRO");
    assert_eq!(laptop.name(), "Laptop Pro");
    assert_eq!(laptop.price().to_string(), "1299.99");
}

#[test]
fn a_product_needs_a_name_of_a_bearable_length() {
    assert_eq!(product(" ", 1), Err(ProductError::NameEmpty));
    assert_eq!(product(&"é".repeat(201), 1), Err(ProductError::NameTooLong));
    assert!(product(&"é".repeat(200), 1).is_ok());
}

#[test]
fn nothing_is_free() {
    let price = Money::zero(Currency::USD);
    assert_eq!(product("Gift", 0), Err(ProductError::PriceNotPositive { price }));
}
