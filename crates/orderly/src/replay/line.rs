//! One line of the order file, typed; and the judgement whether it can be a line of an order.

use std::borrow::Cow;

use jiff::civil::DateTime;
use rust_decimal::Decimal;

use super::file::{Column, Columns};
use super::records::Record;
use super::rejects::Reason;

/// More pieces than any line can mean. A number beyond is a slip, and no sum of those below comes near its limit.
const QUANTITY_MAX: i64 = 10_000_000;
/// Ten million pounds apiece, in pence; with the bound on quantity, the total of hundreds of lines fits an `i64`.
const UNIT_PRICE_MINOR_MAX: i64 = 1_000_000_000;
const MINOR_PER_MAJOR: i64 = 100;
const MINOR_DIGITS: u32 = 2;
const PRODUCT_DIGITS: usize = 5;

/// What kind of business an invoice is, by the first letter of its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InvoiceKind {
    Order,
    /// C: takes goods back.
    Cancellation,
    /// A: moves money without goods.
    Adjustment,
}

impl InvoiceKind {
    pub(super) fn of(number: &str) -> Self {
        match number.as_bytes().first() {
            Some(b'C' | b'c') => Self::Cancellation,
            Some(b'A' | b'a') => Self::Adjustment,
            _ => Self::Order,
        }
    }
}

/// A line whose fields parse. Whether it makes sense is another question.
#[derive(Debug)]
pub(super) struct Line<'r> {
    /// Never empty.
    pub(super) invoice: Cow<'r, str>,
    /// In upper case: `85123a` and `85123A` are one product.
    pub(super) code: Cow<'r, str>,
    pub(super) description: Cow<'r, str>,
    pub(super) quantity: i64,
    /// In pounds.
    pub(super) unit_price: Decimal,
    /// `None` is the walk-in customer.
    pub(super) customer: Option<i64>,
}

/// A line that does not parse, with the invoice that it still belongs to if its columns are where they should be.
#[derive(Debug)]
pub(super) struct MalformedLine<'r> {
    pub(super) invoice: Option<Cow<'r, str>>,
}

impl<'r> Line<'r> {
    pub(super) fn read(record: &Record<'r>, columns: Columns) -> Result<Self, MalformedLine<'r>> {
        let field = |column| record.field(columns.index(column));
        if !record.whole {
            // With a field too many or too few no column can be trusted, the invoice number no more than the rest.
            return Err(MalformedLine { invoice: None });
        }
        let invoice = field(Column::Invoice);
        if invoice.is_empty() {
            return Err(MalformedLine { invoice: None });
        }
        let numbers = || {
            field(Column::InvoiceDate).parse::<DateTime>().ok()?;
            Some((
                quantity(&field(Column::Quantity))?,
                unit_price(&field(Column::UnitPrice))?,
                customer(&field(Column::Customer))?,
            ))
        };
        let Some((quantity, unit_price, customer)) = numbers() else {
            return Err(MalformedLine { invoice: Some(invoice) });
        };
        let code = upper_cased(field(Column::StockCode));
        Ok(Self { invoice, code, description: field(Column::Description), quantity, unit_price, customer })
    }

    /// The unit price in pence, if this can be a line of an order: else the first reason against it.
    pub(super) fn orderable(&self) -> Result<i64, Reason> {
        if !is_product(&self.code) {
            return Err(Reason::NotAProduct);
        }
        if self.quantity <= 0 {
            return Err(Reason::NonPositiveQuantity);
        }
        self.unit_price_minor()
    }

    pub(super) fn unit_price_minor(&self) -> Result<i64, Reason> {
        if self.unit_price <= Decimal::ZERO {
            return Err(Reason::NonPositivePrice);
        }
        let price = self.unit_price.normalize();
        if price.scale() > MINOR_DIGITS {
            return Err(Reason::SubCentPrice);
        }
        // The bound on a unit price, held when it was parsed, makes the conversion succeed.
        i64::try_from(price * Decimal::from(MINOR_PER_MAJOR)).map_err(|_| Reason::Malformed)
    }
}

fn quantity(text: &str) -> Option<i64> {
    let quantity: i64 = text.parse().ok()?;
    (-QUANTITY_MAX..=QUANTITY_MAX).contains(&quantity).then_some(quantity)
}

fn unit_price(text: &str) -> Option<Decimal> {
    let price = Decimal::from_str_exact(text).ok()?;
    let max = Decimal::from(UNIT_PRICE_MINOR_MAX / MINOR_PER_MAJOR);
    (price.abs() <= max).then_some(price)
}

/// No text is the walk-in customer; text that is no number is nobody.
fn customer(text: &str) -> Option<Option<i64>> {
    if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
}

/// Five digits, with or without letters after them. Postage, fees, samples and corrections have other codes.
fn is_product(code: &str) -> bool {
    let (digits, letters) = code.as_bytes().split_at(code.len().min(PRODUCT_DIGITS));
    digits.len() == PRODUCT_DIGITS
        && digits.iter().all(u8::is_ascii_digit)
        && letters.iter().all(u8::is_ascii_alphabetic)
}

fn upper_cased(code: Cow<'_, str>) -> Cow<'_, str> {
    if code.bytes().any(|byte| byte.is_ascii_lowercase()) { Cow::Owned(code.to_ascii_uppercase()) } else { code }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(code: &str, quantity: i64, price: &str) -> Line<'static> {
        Line {
            invoice: "1".into(),
            code: upper_cased(code.to_owned().into()),
            description: "".into(),
            quantity,
            unit_price: unit_price(price).unwrap(),
            customer: None,
        }
    }

    #[test]
    fn a_product_is_a_code_of_five_digits_with_or_without_letters() {
        for code in ["22423", "85123A", "85123a", "15056BL"] {
            assert!(is_product(&upper_cased(code.into())), "{code}");
        }
        for code in
            ["", "POST", "M", "C2", "1234", "123456", "12345-6", "12345 A", "gift_0001_20", "DCGS0003", "１２３４５"]
        {
            assert!(!is_product(code), "{code}");
        }
    }

    #[test]
    fn a_price_is_taken_in_whole_pence_or_not_at_all() {
        assert_eq!(line("22423", 1, "2.55").orderable(), Ok(255));
        assert_eq!(line("22423", 1, "2.550").orderable(), Ok(255));
        assert_eq!(line("22423", 1, "10000000").orderable(), Ok(1_000_000_000));
        assert_eq!(line("22423", 1, "0.001").orderable(), Err(Reason::SubCentPrice));
        assert_eq!(line("22423", 1, "5.0000000000000000000000000001").orderable(), Err(Reason::SubCentPrice));
        for nonsense in ["", "2,55", "1e3", "£2", "10000000.01", "NaN", "0.00000000000000000000000000000001"] {
            assert_eq!(unit_price(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn of_several_reasons_the_first_is_given() {
        assert_eq!(line("POST", 0, "0").orderable(), Err(Reason::NotAProduct));
        assert_eq!(line("22423", -1, "0").orderable(), Err(Reason::NonPositiveQuantity));
        assert_eq!(line("22423", 1, "-0.001").orderable(), Err(Reason::NonPositivePrice));
        assert_eq!(line("22423", 1, "0.009").orderable(), Err(Reason::SubCentPrice));
    }

    #[test]
    fn a_quantity_is_a_bounded_whole_number() {
        assert_eq!(quantity("-80995"), Some(-80995));
        for nonsense in ["", "1.5", "six", "10000001", "99999999999999999999"] {
            assert_eq!(quantity(nonsense), None, "{nonsense}");
        }
    }
}
