//! Argon2id, kept off the async threads: one hash takes tens of milliseconds on purpose.

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash as Phc};

use crate::domain::{Password, PasswordHash};

/// Why hashing did not happen.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed: {0}")]
pub struct HashingError(String);

pub(super) async fn hash(password: Password) -> Result<PasswordHash, HashingError> {
    off_the_async_threads(move || {
        let hash = Argon2::default().hash_password(password.reveal().as_bytes());
        hash.map(|hash| PasswordHash::from_stored(hash.to_string())).map_err(|error| HashingError(error.to_string()))
    })
    .await?
}

/// Whether the text is the password. Takes as long for a user who does not exist, so that nobody can tell the two apart.
pub(super) async fn verify(text: String, stored: Option<PasswordHash>) -> Result<bool, HashingError> {
    /// The hash of a password nobody has.
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$1gvXS3rrbQkT9oCmYHYfVAHtvPJTDLBZGOmzS1JmRHg";
    off_the_async_threads(move || {
        let exists = stored.is_some();
        let hash = stored.as_ref().map_or(NOBODY, PasswordHash::as_str);
        let hash = Phc::new(hash).map_err(|error| HashingError(error.to_string()))?;
        Ok(Argon2::default().verify_password(text.as_bytes(), &hash).is_ok() && exists)
    })
    .await?
}

async fn off_the_async_threads<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, HashingError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| HashingError(error.to_string()))
}
