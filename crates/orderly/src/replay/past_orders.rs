//! Matches C invoices to the orders that went before them.

use std::collections::HashMap;
use std::sync::Arc;

use super::rejects::Reason;
use super::survey::ProductId;

/// The customer of an order; nobody is the walk-in customer, who is a customer like any other.
pub(super) type Customer = Option<i64>;

/// The orders so far, as far as a later C invoice may ask for them, in whole or in part.
#[derive(Debug, Default)]
pub(super) struct PastOrders {
    orders: Vec<PastOrder>,
    /// The orders of each customer, oldest first.
    of_customer: HashMap<Customer, Vec<OrderIndex>>,
    /// Orders of which no C invoice has taken anything back, oldest first, under everything they hold.
    standing: HashMap<(Customer, Arc<Basket>), Vec<OrderIndex>>,
    /// What was taken back of a part, in pieces.
    returned: HashMap<(OrderIndex, ProductId), i64>,
}

/// Where an order stands among [`PastOrders::orders`].
type OrderIndex = usize;

#[derive(Debug)]
struct PastOrder {
    number: Arc<str>,
    basket: Arc<Basket>,
    /// A C invoice took it back as a whole.
    is_cancelled: bool,
}

/// What an order holds: product, unit price in pence and quantity, each product and price once, in order.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Basket(Box<[(ProductId, i64, i64)]>);

impl Basket {
    /// Merges lines of equal product and price.
    pub(super) fn of(mut lines: Vec<(ProductId, i64, i64)>) -> Self {
        lines.sort_unstable();
        lines.dedup_by(|(product, price, quantity), (kept, kept_price, kept_quantity)| {
            let same = product == kept && price == kept_price;
            if same {
                *kept_quantity += *quantity;
            }
            same
        });
        Self(lines.into_boxed_slice())
    }

    /// How many of a product it holds, at whatever prices. They stand there in a row.
    fn quantity_of(&self, product: ProductId) -> i64 {
        let first = self.0.partition_point(|(held, ..)| *held < product);
        let lines = self.0.iter().skip(first).take_while(|(held, ..)| *held == product);
        lines.map(|(.., quantity)| quantity).sum()
    }
}

/// A line of a C invoice.
#[derive(Debug)]
pub(super) struct ReturnedLine {
    pub(super) line_number: u64,
    /// `None` if no order of the file holds such a code.
    pub(super) product: Option<ProductId>,
    /// How many came back; on a proper C line greater than 0.
    pub(super) quantity: i64,
    /// `None` if the price is none that an order can have.
    pub(super) unit_price_minor: Option<i64>,
}

impl PastOrders {
    pub(super) fn place(&mut self, number: Arc<str>, customer: Customer, basket: Basket) {
        let (index, basket) = (self.orders.len(), Arc::new(basket));
        self.of_customer.entry(customer).or_default().push(index);
        self.standing.entry((customer, Arc::clone(&basket))).or_default().push(index);
        self.orders.push(PastOrder { number, basket, is_cancelled: false });
    }

    /// Takes back, as a whole, the customer's newest standing order that holds exactly these lines, and tells its number.
    pub(super) fn cancel(&mut self, customer: Customer, lines: &[ReturnedLine]) -> Option<Arc<str>> {
        let lines: Option<Vec<_>> = lines
            .iter()
            .map(|line| (line.quantity > 0).then_some((line.product?, line.unit_price_minor?, line.quantity)))
            .collect();
        let index = self.standing.get_mut(&(customer, Arc::new(Basket::of(lines?))))?.pop()?;
        let order = self.orders.get_mut(index)?;
        order.is_cancelled = true;
        Some(Arc::clone(&order.number))
    }

    /// Takes back one line, whole, from the customer's newest order that has as many of its product left, whatever they
    /// cost, and tells the order's number and the product. An order of which a part came back is not cancelled as a whole
    /// any more.
    ///
    /// A line is never divided among orders: how many came back of each nobody could tell from the file.
    pub(super) fn take_back(
        &mut self,
        customer: Customer,
        line: &ReturnedLine,
    ) -> Result<(Arc<str>, ProductId), Reason> {
        let Some(product) = line.product.filter(|_| line.quantity > 0) else { return Err(Reason::MatchesNoOrder) };
        let mut was_ordered = false;
        for &index in self.of_customer.get(&customer).into_iter().flatten().rev() {
            let Some(order) = self.orders.get(index).filter(|order| !order.is_cancelled) else { continue };
            let held = order.basket.quantity_of(product);
            was_ordered |= held > 0;
            let returned = self.returned.get(&(index, product)).copied().unwrap_or_default();
            if line.quantity > held - returned {
                continue;
            }
            *self.returned.entry((index, product)).or_default() += line.quantity;
            if let Some(standing) = self.standing.get_mut(&(customer, Arc::clone(&order.basket))) {
                standing.retain(|&standing| standing != index);
            }
            return Ok((Arc::clone(&order.number), product));
        }
        Err(if was_ordered { Reason::MoreThanIsLeft } else { Reason::MatchesNoOrder })
    }
}
