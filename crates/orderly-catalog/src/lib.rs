//! Catalog: what is for sale.

mod application;
pub mod domain;

pub use application::{NewProduct, Products};
