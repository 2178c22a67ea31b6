//! Makes order files for tests: seeded, with every kind of odd line, and with the answers beside them.
//!
//! The writer of a line knows what must become of it, so the answers come from the making and not from a second
//! reader. Shared by the unit tests of the replay and by the tests that run the whole program.

use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(crate) const HEADER: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";

/// An order file and what a replay must make of it.
#[derive(Debug, Default)]
pub(crate) struct OrderFile {
    pub(crate) text: String,
    pub(crate) lines: u64,
    pub(crate) invoices: u64,
    /// Numbers of the invoices that are orders, in file order.
    pub(crate) orders: Vec<String>,
    pub(crate) order_lines: u64,
    pub(crate) merged_lines: u64,
    /// C invoice and the invoice that it cancels, in file order.
    pub(crate) cancellations: Vec<(String, String)>,
    pub(crate) cancellation_lines: u64,
    /// Line number, the invoice of which it returns a part, and how many, in file order.
    pub(crate) returns: Vec<(u64, String, i64)>,
    /// Line number and reason of every line that is rejected whatever happens, in file order.
    pub(crate) rejected: Vec<(u64, &'static str)>,
    /// What is ordered of each product in the whole file.
    pub(crate) opening_stock: BTreeMap<String, i64>,
}

impl OrderFile {
    /// A file of `orders` orders and as many odd lines as come along with them; equal seeds make equal files.
    pub(crate) fn generate(seed: u64, orders: usize) -> Self {
        let mut maker =
            Maker { random: SplitMix(seed), file: Self::default(), line: 1, invoice: 536_364, placed: vec![] };
        writeln!(maker.file.text, "{HEADER}").unwrap();
        while maker.file.orders.len() < orders {
            maker.order();
            match maker.random.below(12) {
                0 | 1 => maker.whole_cancellation(),
                2 | 7 => maker.partial_return(),
                3 => maker.return_of_nothing(),
                4 => maker.adjustment(),
                5 => maker.invoice_of_odd_lines(),
                6 => maker.line_without_an_invoice(),
                _ => {}
            }
        }
        maker.file
    }

    pub(crate) fn rejections(&self) -> BTreeMap<&'static str, u64> {
        let mut rejections = BTreeMap::new();
        for (_, reason) in &self.rejected {
            *rejections.entry(*reason).or_default() += 1;
        }
        rejections
    }
}

struct Maker {
    random: SplitMix,
    file: OrderFile,
    /// The number of the line last written; the header is line 1.
    line: u64,
    invoice: u32,
    placed: Vec<PlacedOrder>,
}

/// An order that a C invoice may come back to.
struct PlacedOrder {
    number: String,
    customer: Option<u32>,
    lines: Vec<(String, i64, i64)>,
    cancelled: bool,
    /// Pieces of each product that came back of a part.
    returned: BTreeMap<String, i64>,
}

impl Maker {
    fn order(&mut self) {
        let number = self.next_invoice("");
        // Each order's customer is its own, or the walk-in customer with products that no other order has; so it is
        // plain which order a C invoice means.
        let unique = self.invoice - 500_000;
        let customer = (!self.random.one_in(4)).then_some(unique);
        let mut lines: Vec<(String, i64, i64)> = Vec::new();
        for _ in 0..=self.random.below(5) {
            let sku = if customer.is_some() { self.sku() } else { self.sku_of(u64::from(unique)) };
            let price = i64::from(unique) + 100 * self.random.below(3) as i64;
            let quantity = 1 + self.random.below(24) as i64;
            if self.random.one_in(8) {
                self.odd_line(&number, customer);
            }
            let spelled = if self.random.one_in(5) { sku.to_lowercase() } else { sku.clone() };
            self.write(&number, &spelled, quantity, &pounds(price), customer);
            *self.file.opening_stock.entry(sku.clone()).or_default() += quantity;
            if let Some(line) = lines.iter_mut().find(|line| (&line.0, line.2) == (&sku, price)) {
                line.1 += quantity;
                self.file.merged_lines += 1;
            } else {
                lines.push((sku, quantity, price));
                self.file.order_lines += 1;
            }
        }
        self.file.orders.push(number.clone());
        self.placed.push(PlacedOrder { number, customer, lines, cancelled: false, returned: BTreeMap::new() });
    }

    fn whole_cancellation(&mut self) {
        let index = self.random.below(self.placed.len() as u64) as usize;
        let number = self.next_invoice("C");
        let order = &mut self.placed[index];
        let takes_effect = !order.cancelled && order.returned.is_empty();
        order.cancelled |= takes_effect;
        let (of, customer, mut lines) = (order.number.clone(), order.customer, order.lines.clone());
        lines.reverse();
        for (sku, quantity, price) in lines {
            self.write(&number, &sku, -quantity, &pounds(price), customer);
            if takes_effect {
                self.file.cancellation_lines += 1;
            } else {
                self.take_back(index, &sku, quantity);
            }
        }
        if takes_effect {
            self.file.cancellations.push((number, of));
        }
    }

    fn partial_return(&mut self) {
        let index = self.random.below(self.placed.len() as u64) as usize;
        let number = self.next_invoice("C");
        let order = &self.placed[index];
        let (customer, (sku, held, _)) = (order.customer, order.lines[0].clone());
        for _ in 0..=self.random.below(2) {
            let quantity = 1 + self.random.below(held as u64) as i64;
            // At another price it is no whole cancellation, even of an order of one piece.
            self.write(&number, &sku, -quantity, "0.99", customer);
            self.take_back(index, &sku, quantity);
        }
    }

    /// Notes what becomes of the line last written, which takes back so many of an order's product.
    fn take_back(&mut self, index: usize, sku: &str, quantity: i64) {
        let order = &mut self.placed[index];
        let held: i64 = order.lines.iter().filter(|line| line.0 == sku).map(|line| line.1).sum();
        let returned = order.returned.get(sku).copied().unwrap_or_default();
        if order.cancelled {
            self.reject("matches-no-order");
        } else if returned + quantity > held {
            self.reject("more-than-is-left");
        } else {
            order.returned.insert(sku.to_owned(), returned + quantity);
            let of = order.number.clone();
            self.file.returns.push((self.line, of, quantity));
        }
    }

    fn return_of_nothing(&mut self) {
        let number = self.next_invoice("C");
        let stranger = Some(99_000 + self.random.below(1000) as u32);
        let sku = self.sku();
        self.write(&number, &sku, -1, "2.55", stranger);
        self.reject("matches-no-order");
        self.write(&number, "POST", -1, "18.00", stranger);
        self.reject("matches-no-order");
    }

    fn adjustment(&mut self) {
        let number = self.next_invoice("A");
        self.write(&number, "B", 1, "-11062.06", None);
        self.reject("not-an-order");
    }

    fn invoice_of_odd_lines(&mut self) {
        let number = self.next_invoice("");
        for _ in 0..=self.random.below(3) {
            self.odd_line(&number, None);
        }
    }

    /// A line that is none of its invoice's order.
    fn odd_line(&mut self, invoice: &str, customer: Option<u32>) {
        let sku = self.sku();
        let reason = match self.random.below(5) {
            0 => {
                self.write(invoice, "POST", 1, "18.00", customer);
                "not-a-product"
            }
            1 => {
                self.write(invoice, &sku, -3, "0.00", None);
                "non-positive-quantity"
            }
            2 => {
                self.write(invoice, &sku, 3, "0.00", customer);
                "non-positive-price"
            }
            3 => {
                self.write(invoice, &sku, 3, "0.001", customer);
                "sub-cent-price"
            }
            _ => {
                self.write_raw(&format!("{invoice},{sku},half a dozen,6.0,2011-01-01T08:00:00,1.00,,France"));
                "malformed"
            }
        };
        self.reject(reason);
    }

    /// A damaged line of which nobody can tell the invoice.
    fn line_without_an_invoice(&mut self) {
        let line = match self.random.below(4) {
            0 => "536365,cut off",
            1 => "536365,22423,one,\"never closed,2011-01-01T08:00:00,1.00,,France",
            2 => "536365,22423,one too many,6,2011-01-01T08:00:00,1.00,,France,",
            _ => ",22423,no invoice,6,2011-01-01T08:00:00,1.00,,France",
        };
        self.write_raw(line);
        self.reject("malformed");
    }

    fn next_invoice(&mut self, prefix: &str) -> String {
        self.invoice += 1;
        self.file.invoices += 1;
        format!("{prefix}{}", self.invoice)
    }

    fn sku(&mut self) -> String {
        let digits = 22_400 + self.random.below(40);
        self.sku_of(digits)
    }

    fn sku_of(&mut self, digits: u64) -> String {
        let letter = ["", "", "A", "B", "BL"][self.random.below(5) as usize];
        format!("{digits}{letter}")
    }

    fn write(&mut self, invoice: &str, code: &str, quantity: i64, price: &str, customer: Option<u32>) {
        let description = match self.random.below(5) {
            0 => "",
            1 => "\"SET OF 6, \"\"RETRO\"\" SPOONS\"",
            2 => "CAFÉ SIGN",
            _ => "REGENCY CAKESTAND 3 TIER",
        };
        let customer = customer.map(|id| id.to_string()).unwrap_or_default();
        let (hour, minute) = (8 + self.line / 60 % 12, self.line % 60);
        let date = format!("2011-01-01T{hour:02}:{minute:02}:00");
        self.write_raw(&format!("{invoice},{code},{description},{quantity},{date},{price},{customer},United Kingdom"));
    }

    fn write_raw(&mut self, line: &str) {
        writeln!(self.file.text, "{line}").unwrap();
        self.line += 1;
        self.file.lines += 1;
    }

    /// Notes that the line last written is to be rejected.
    fn reject(&mut self, reason: &'static str) {
        self.file.rejected.push((self.line, reason));
    }
}

fn pounds(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// Sebastiano Vigna's SplitMix64: enough chance for a test, and the same on every machine.
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}
