//! The code by which people know a product. Case and surrounding space do not tell two products apart.

use std::{fmt, str::FromStr};

/// The longest code.
pub const SKU_LENGTH_MAX_CHARS: usize = 64;

/// A product's code: trimmed, in upper case, from 1 to 64 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sku(String);

impl Sku {
    /// # Errors
    ///
    /// [`SkuError`].
    pub fn parse(text: &str) -> Result<Self, SkuError> {
        let code = text.trim().to_uppercase();
        if code.is_empty() {
            return Err(SkuError::Empty);
        }
        if code.chars().count() > SKU_LENGTH_MAX_CHARS {
            return Err(SkuError::TooLong);
        }
        if code.contains(char::is_control) {
            return Err(SkuError::ControlCharacter);
        }
        Ok(Self(code))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Sku {
    type Err = SkuError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no product code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkuError {
    #[error("a product code is not empty")]
    Empty,
    #[error("a product code has at most {SKU_LENGTH_MAX_CHARS} characters")]
    TooLong,
    #[error("a product code has no control characters")]
    ControlCharacter,
}
