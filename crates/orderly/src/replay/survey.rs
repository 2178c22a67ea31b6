//! The first pass over an order file: what only the whole of it tells.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::file::{OrderFile, ReadError};
use super::line::{InvoiceKind, Line};

/// What the whole file says about itself, whatever part of it is replayed.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    products: Vec<Product>,
    by_sku: HashMap<Arc<str>, ProductId>,
    last_lines: HashMap<Box<str>, u64>,
}

/// A product as the file's order lines describe it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Product {
    /// The stock code in upper case.
    pub(crate) sku: Arc<str>,
    /// Its last description in the file, or its code if it has none.
    pub(crate) name: String,
    /// What a piece costs on its last order line, in pence.
    pub(crate) unit_price_minor: i64,
    /// The sum of its ordered quantities, so that every order of the file can be filled.
    pub(crate) opening_stock: i64,
}

/// A product's place in the survey; smaller and quicker to compare than its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ProductId(u32);

impl Survey {
    /// Reads the whole file once. Keeps its products and its invoice numbers, but none of its lines.
    pub(crate) fn of(file: &OrderFile) -> Result<Self, ReadError> {
        let mut survey = Self::default();
        let mut seen: HashSet<Box<str>> = HashSet::new();
        let mut current = String::new();
        let mut lines = file.lines()?;
        while let Some(record) = lines.next()? {
            let line = Line::read(&record, file.columns());
            let invoice = match &line {
                Ok(line) => Some(&line.invoice),
                Err(malformed) => malformed.invoice.as_ref(),
            };
            if let Some(invoice) = invoice {
                if *invoice != current {
                    current.clear();
                    current.push_str(invoice);
                    if !seen.contains(current.as_str()) {
                        seen.insert(current.as_str().into());
                    } else if !survey.last_lines.contains_key(current.as_str()) {
                        survey.last_lines.insert(current.as_str().into(), record.line);
                    }
                }
                if let Some(last) = survey.last_lines.get_mut(current.as_str()) {
                    *last = record.line;
                }
            }
            if let Ok(line) = line
                && InvoiceKind::of(&line.invoice) == InvoiceKind::Order
                && let Ok(unit_price_minor) = line.orderable()
            {
                survey.ordered(&line, unit_price_minor);
            }
        }
        survey.products.iter_mut().filter(|product| product.name.is_empty()).for_each(|product| {
            product.name = product.sku.as_ref().to_owned();
        });
        Ok(survey)
    }

    fn ordered(&mut self, line: &Line<'_>, unit_price_minor: i64) {
        let product = match self.by_sku.get(line.code.as_ref()) {
            Some(&ProductId(index)) => &mut self.products[index as usize],
            None => {
                let sku: Arc<str> = Arc::from(line.code.as_ref());
                // Codes of five digits and some letters on lines of bounded length do not reach four thousand million.
                self.by_sku.insert(Arc::clone(&sku), ProductId(self.products.len() as u32));
                self.products.push_mut(Product { sku, name: String::new(), unit_price_minor, opening_stock: 0 })
            }
        };
        if !line.description.is_empty() && line.description != product.name.as_str() {
            product.name.clear();
            product.name.push_str(&line.description);
        }
        product.unit_price_minor = unit_price_minor;
        product.opening_stock += line.quantity;
    }

    /// Every product that is ordered anywhere in the file, in the order in which they first appear.
    pub(crate) fn products(&self) -> &[Product] {
        &self.products
    }

    pub(super) fn product(&self, sku: &str) -> Option<ProductId> {
        self.by_sku.get(sku).copied()
    }

    pub(super) fn sku(&self, ProductId(index): ProductId) -> Arc<str> {
        Arc::clone(&self.products[index as usize].sku)
    }

    /// Where an invoice ends whose lines stand in several places; `None` for one whose lines stand together.
    pub(super) fn last_line_of_scattered(&self, invoice: &str) -> Option<u64> {
        self.last_lines.get(invoice).copied()
    }
}
