//! The secret that signs tokens. Whoever has it can be anybody.

use std::fmt;

/// RFC 7518, section 3.2: a key of HS256 is at least as long as its hash.
pub const SECRET_LENGTH_MIN_BYTES: usize = 32;

/// At least 32 bytes, which should be random. It never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

impl SigningSecret {
    /// # Errors
    ///
    /// [`SecretTooShort`].
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, SecretTooShort> {
        let bytes = bytes.into();
        if bytes.len() < SECRET_LENGTH_MIN_BYTES {
            return Err(SecretTooShort { length: bytes.len() });
        }
        Ok(Self(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// The secret could be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signing secret has {length} bytes; it needs at least {SECRET_LENGTH_MIN_BYTES}")]
pub struct SecretTooShort {
    pub length: usize,
}
