//! What the catalog does: it is read by others, and filled once.

mod ports;

pub use ports::{NewProduct, Products};
