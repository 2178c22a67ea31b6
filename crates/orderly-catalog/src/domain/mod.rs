//! The rules of the catalog: what a product is called and what it costs.

mod product;
mod sku;

pub use product::{NAME_LENGTH_MAX_CHARS, Product, ProductError};
pub use sku::{SKU_LENGTH_MAX_CHARS, Sku, SkuError};
