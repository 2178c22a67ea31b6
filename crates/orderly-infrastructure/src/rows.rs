//! Many rows as one parameter: a JSON array of arrays, which `json_each` takes apart in the database.

use orderly_contracts::ProductId;
use serde::Serialize;
use wharf::Result;

/// Rows as JSON. What is one column wide is a tuple too: `("Pending",)`.
pub(crate) fn rows<T: Serialize>(rows: impl IntoIterator<Item = T>) -> Result<String> {
    let rows: Vec<T> = rows.into_iter().collect();
    Ok(serde_json::to_string(&rows)?)
}

/// Products as rows of one column.
pub(crate) fn products(products: &[ProductId]) -> Result<String> {
    rows(products.iter().map(|product| (product,)))
}
