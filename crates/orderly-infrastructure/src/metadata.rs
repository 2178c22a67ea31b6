//! A notification's facts as the JSON object that stands beside its words.

use std::fmt::Write;

use orderly_notifications::domain::Fact;
use wharf::Result;

/// Amounts are numbers with two digits, exact as text; instants are times of RFC 3339.
pub(crate) fn metadata(facts: &[(&'static str, Fact)]) -> Result<String> {
    let mut json = String::from("{");
    for (name, fact) in facts {
        let comma = if json.len() > 1 { "," } else { "" };
        let value = match fact {
            Fact::Number(number) => number.to_string(),
            Fact::Amount(amount) => amount.to_string(),
            Fact::Instant(micros) => serde_json::to_string(&jiff::Timestamp::from_microsecond(*micros)?)?,
            Fact::Text(text) => serde_json::to_string(text)?,
        };
        write!(json, "{comma}{}:{value}", serde_json::to_string(name)?)?;
    }
    json.push('}');
    Ok(json)
}
