//! What a password must be. How it is hashed is not decided here.

use std::fmt;

pub const PASSWORD_LENGTH_MIN_CHARS: usize = 8;
/// Hashing costs time and memory with length; nobody remembers more than this.
pub const PASSWORD_LENGTH_MAX_CHARS: usize = 128;

/// A password that keeps the policy. It shows itself only when asked to.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// For choosing a password. Whoever logs in is only compared with the hash.
    ///
    /// # Errors
    ///
    /// [`WeakPassword`], with everything that is missing.
    pub fn parse(text: impl Into<String>) -> Result<Self, WeakPassword> {
        let text = text.into();
        let length = text.chars().count();
        let missing = [
            (length >= PASSWORD_LENGTH_MIN_CHARS, PasswordWeakness::TooShort),
            (length <= PASSWORD_LENGTH_MAX_CHARS, PasswordWeakness::TooLong),
            (text.contains(char::is_lowercase), PasswordWeakness::NoLowerCase),
            (text.contains(char::is_uppercase), PasswordWeakness::NoUpperCase),
            (text.contains(|char: char| char.is_ascii_digit()), PasswordWeakness::NoDigit),
        ];
        let weaknesses: Vec<_> = missing.into_iter().filter(|(kept, _)| !kept).map(|(_, weakness)| weakness).collect();
        if weaknesses.is_empty() { Ok(Self(text)) } else { Err(WeakPassword { weaknesses }) }
    }

    /// The secret itself, for the hash and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A rule of the policy that a password breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordWeakness {
    #[error("at least {PASSWORD_LENGTH_MIN_CHARS} characters")]
    TooShort,
    #[error("at most {PASSWORD_LENGTH_MAX_CHARS} characters")]
    TooLong,
    #[error("a small letter")]
    NoLowerCase,
    #[error("a capital letter")]
    NoUpperCase,
    #[error("a digit")]
    NoDigit,
}

/// Why a password is refused. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a password needs {}", .weaknesses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
pub struct WeakPassword {
    pub weaknesses: Vec<PasswordWeakness>,
}

/// What is kept in a password's place: the text that the hash function gave, with its salt and its costs.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}
