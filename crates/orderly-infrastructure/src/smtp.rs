//! Mail by SMTP, and the two settings that it wants.

use std::{
    fmt,
    str::FromStr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::Error as SmtpError,
};
use orderly_notifications::{Mail as Letter, MailError, Mailer};

/// How long the server may take for each answer. Together they stay below an endpoint's minute.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The replies with which a server turns us away, and not the mail: it wants to be told who we are, or does not believe
/// it (RFC 4954, section 6). Once that is mended the mail can go.
const TURNED_AWAY: [u16; 4] = [530, 534, 535, 538];

/// By whom, and under which name, customers are written to.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Where mail is handed over.
    pub server: SmtpServer,
    /// Who writes it.
    pub from: Sender,
}

impl Mail {
    /// The server, as the module that tells customers sees it.
    pub fn mailer(&self) -> Arc<dyn Mailer> {
        Arc::new(SmtpMailer(self.clone()))
    }
}

/// The address of a mail server: `smtps://user:password@host`, or `smtp://…?tls=required` to begin in the clear. Without
/// encryption no password is sent.
#[derive(Clone)]
pub struct SmtpServer(AsyncSmtpTransport<Tokio1Executor>);

/// Who a mail is from: an address, or a name and then the address in angle brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender(Mailbox);

/// This is no such address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no such address")]
pub struct NoSuchAddress;

impl FromStr for SmtpServer {
    type Err = NoSuchAddress;

    fn from_str(url: &str) -> Result<Self, NoSuchAddress> {
        let (place, tls) = url.split_once('?').map_or((url, None), |(place, query)| (place, Some(query)));
        let (scheme, place) = place.split_once("://").ok_or(NoSuchAddress)?;
        // Of what it does not know lettre takes no notice: a misspelt `tls` would send in the clear.
        let is_secret = match (scheme, tls) {
            ("smtps", None) | ("smtp", Some("tls=required")) => true,
            ("smtp", None | Some("tls=opportunistic")) => false,
            _ => return Err(NoSuchAddress),
        };
        let names_a_user = place.split('/').next().is_some_and(|authority| authority.contains('@'));
        if names_a_user && !is_secret {
            return Err(NoSuchAddress);
        }
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| NoSuchAddress)?;
        Ok(Self(transport.timeout(Some(ANSWER_MAX)).build()))
    }
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmtpServer(…)")
    }
}

impl FromStr for Sender {
    type Err = NoSuchAddress;

    fn from_str(text: &str) -> Result<Self, NoSuchAddress> {
        text.parse().map(Self).map_err(|_| NoSuchAddress)
    }
}

/// A mail server, asked anew for each mail: nothing is kept open, and nothing to be closed.
struct SmtpMailer(Mail);

impl SmtpMailer {
    /// The mail as it travels: the same, to the byte, each time it is sent.
    fn compose(&self, letter: &Letter, to: Address) -> Result<Message, lettre::error::Error> {
        let micros = u64::try_from(letter.written_at.as_micros()).unwrap_or_default();
        let Sender(from) = &self.0.from;
        let message_id = format!("<{}@{}>", letter.name, from.email.domain());
        Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to))
            .subject(&letter.subject)
            .date(SystemTime::UNIX_EPOCH + Duration::from_micros(micros))
            .message_id(Some(message_id))
            // Keeps absence notes from being sent in answer (RFC 3834).
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.clone())
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        let to = letter.to.parse().map_err(|_| MailError::Never("the customer's address is none".to_owned()))?;
        let message = self.compose(letter, to).map_err(|error| MailError::Never(error.to_string()))?;
        self.0.server.0.send(message).await.map(drop).map_err(|error| judged(&error, &letter.to))
    }
}

/// What a failure means for the mail. The customer's address, which servers like to repeat, is left out of their words.
fn judged(error: &SmtpError, to: &str) -> MailError {
    let words = error.to_string().replace(to, "…");
    let turned_away = error.status().is_some_and(|code| TURNED_AWAY.contains(&u16::from(code)));
    if error.is_permanent() && !turned_away { MailError::Never(words) } else { MailError::NotYet(words) }
}
