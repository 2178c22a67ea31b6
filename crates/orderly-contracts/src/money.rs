//! Money: whole minor units in one currency. Nothing here rounds.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An amount: `{"minor":129999,"currency":"USD"}` in messages, `1299.99` for people.
///
/// Amounts may be negative (a refund in a ledger); whoever needs a price asks for [`Money::is_positive`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Hundredths of the currency's unit.
    pub minor: i64,
    pub currency: Currency,
}

impl Money {
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// Reads decimal text such as `1299.99`, `10`, `0.5` or `-3.20`.
    ///
    /// # Errors
    ///
    /// [`MoneyError::SubCent`] for more than two fraction digits, [`MoneyError::NotANumber`] for anything but an optional
    /// sign, digits and one point between digits, [`MoneyError::Overflow`] for what no `i64` of minor units holds.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let not_a_number = || MoneyError::NotANumber(text.chars().take(TEXT_SHOWN_MAX_CHARS).collect());
        let (sign, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(not_a_number());
        }
        if fraction.len() > FRACTION_MAX_DIGITS {
            return Err(MoneyError::SubCent);
        }
        // Digits are summed below zero for negative amounts, so that i64::MIN reads back too.
        format!("{whole}{fraction:0<FRACTION_MAX_DIGITS$}")
            .bytes()
            .try_fold(0_i64, |sum, digit| sum.checked_mul(10)?.checked_add(sign * i64::from(digit - b'0')))
            .map(|minor| Self::new(minor, currency))
            .ok_or(MoneyError::Overflow)
    }

    /// # Errors
    ///
    /// [`MoneyError::CurrencyMismatch`], or [`MoneyError::Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency });
        }
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor, self.currency))
    }

    /// This price for that many units.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`].
    pub fn times(self, units: i64) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_mul(units).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor, self.currency))
    }

    pub const fn is_positive(self) -> bool {
        self.minor > 0
    }
}

const FRACTION_MAX_DIGITS: usize = 2;
const TEXT_SHOWN_MAX_CHARS: usize = 40;

/// The amount with two digits and without its currency: `1299.99`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor < 0 { "-" } else { "" };
        let minor = self.minor.unsigned_abs();
        write!(f, "{sign}{}.{:02}", minor / 100, minor % 100)
    }
}

/// Why an amount could not be read or computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoneyError {
    #[error("`{0}` is not a decimal amount such as 1299.99")]
    NotANumber(String),
    #[error("an amount has at most two digits after the point")]
    SubCent,
    #[error("the amount is too large")]
    Overflow,
    #[error("{left} and {right} do not add up")]
    CurrencyMismatch { left: Currency, right: Currency },
}

/// Three capital letters of ISO 4217. Only currencies of a hundred minor units are dealt in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    pub const GBP: Self = Self(*b"GBP");
    pub const USD: Self = Self(*b"USD");
}

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(letters) if letters.iter().all(u8::is_ascii_uppercase) => Ok(Self(letters)),
            Ok(_) | Err(_) => Err(CurrencyError),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = CurrencyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.to_string()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text names no currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a currency is three capital letters, such as GBP")]
pub struct CurrencyError;
