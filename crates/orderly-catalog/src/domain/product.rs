//! What is for sale.

use orderly_contracts::{Money, ProductId};

use super::Sku;

/// The longest name of a product.
pub const NAME_LENGTH_MAX_CHARS: usize = 200;

/// A product with a name and a positive price. How much of it there is, inventory knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    id: ProductId,
    sku: Sku,
    name: String,
    price: Money,
}

impl Product {
    /// Trims the name.
    ///
    /// # Errors
    ///
    /// [`ProductError`] for a name that is empty or longer than 200 characters, or a price that is not positive.
    pub fn new(id: ProductId, sku: Sku, name: &str, price: Money) -> Result<Self, ProductError> {
        let name = name.trim();
        if name.is_empty() {
            return Err(ProductError::NameEmpty);
        }
        if name.chars().count() > NAME_LENGTH_MAX_CHARS {
            return Err(ProductError::NameTooLong);
        }
        if !price.is_positive() {
            return Err(ProductError::PriceNotPositive { price });
        }
        Ok(Self { id, sku, name: name.to_owned(), price })
    }

    pub fn id(&self) -> ProductId {
        self.id
    }

    pub fn sku(&self) -> &Sku {
        &self.sku
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn price(&self) -> Money {
        self.price
    }
}

/// Why something is no product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProductError {
    #[error("a product has a name")]
    NameEmpty,
    #[error("a product's name has at most {NAME_LENGTH_MAX_CHARS} characters")]
    NameTooLong,
    #[error("a product's price is positive, not {price}")]
    PriceNotPositive { price: Money },
}
