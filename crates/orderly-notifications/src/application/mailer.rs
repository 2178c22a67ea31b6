//! Who takes mail to customers, as this module sees it.

use async_trait::async_trait;
use wharf::Timestamp;

/// A mail server.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a mail over. Once this says so, the server answers for it.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}

/// What a customer is to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The customer's address.
    pub to: String,
    /// One line, of our own words only.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// What it is called: the same whenever the same thing is told, so that whoever gets a copy can drop it. Of letters,
    /// digits, dashes and dots.
    pub name: String,
    /// When it was written.
    pub written_at: Timestamp,
}

/// Why a mail was not handed over. Both hold the server's words, without the customer's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The server did not answer, or wants to be asked again.
    #[error("the mail server did not take it yet: {0}")]
    NotYet(String),
    /// It never will take this mail.
    #[error("the mail server refuses it: {0}")]
    Never(String),
}
