//! An e-mail address, by which a user logs in. It stays out of logs.

use std::{fmt, str::FromStr};

/// Limits of RFC 5321, section 4.5.3.1.
const ADDRESS_LENGTH_MAX_BYTES: usize = 254;
const LOCAL_PART_LENGTH_MAX_BYTES: usize = 64;

/// An address in lower case, so that one person has one account. Its shape is checked; only a letter sent there proves
/// more.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// # Errors
    ///
    /// [`EmailError`] unless the text, trimmed, is `local@domain` with a domain of at least two labels.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let address = text.trim().to_lowercase();
        let Some((local, domain)) = address.split_once('@') else {
            return Err(EmailError);
        };
        let label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|char| char.is_alphanumeric() || char == '-')
        };
        let shaped = address.len() <= ADDRESS_LENGTH_MAX_BYTES
            && (1..=LOCAL_PART_LENGTH_MAX_BYTES).contains(&local.len())
            && !local.contains(|char: char| char.is_whitespace() || char.is_control())
            && domain.contains('.')
            && domain.split('.').all(label);
        if shaped { Ok(Self(address)) } else { Err(EmailError) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Hides who it is: what is logged with `{:?}` must not name a person.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// The text is no e-mail address. It is not repeated here, so that it reaches no log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address looks like name@example.com")]
pub struct EmailError;
