//! Amounts on the wire: JSON numbers with exactly two digits after the point, read and written without rounding.

use orderly_contracts::{Currency, Money, MoneyError};
use serde::{Deserialize, Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;

/// An amount as an answer shows it: `1299.99`. Its currency stands beside it.
pub(super) struct Amount(pub(super) Money);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// An amount as a request gives it: `1299.99`, or `"1299.99"` from a client whose numbers cannot hold it. Kept as the
/// text it came in, since a float would round it.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct GivenAmount(Box<RawValue>);

impl GivenAmount {
    pub(super) fn in_currency(&self, currency: Currency) -> Result<Money, MoneyError> {
        let text = self.0.get();
        let number = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        Money::parse(number, currency)
    }
}
