//! Whether what customers are told is mailed, by which server, and in whose name.

use orderly_infrastructure::Mail;

use super::{reader::Reader, setting::Setting};

const WITH_SMTP: &str = "with notifications.sender = smtp";

/// What becomes of notifications besides their rows.
#[derive(Debug)]
pub(crate) struct Notifications {
    /// Without it a line in the log stands for each mail.
    pub(crate) mail: Option<Mail>,
}

/// What takes them to customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Log,
    Smtp,
}

impl Way {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "log" => Some(Self::Log),
            "smtp" => Some(Self::Smtp),
            _ => None,
        }
    }
}

impl Notifications {
    pub(super) fn read(read: &mut Reader) -> Self {
        let way = read.or(
            Setting::new("notifications.sender", "log or smtp", Way::parse)
                .meaning("What takes to customers what they are told; with `log` a line there stands for each mail."),
            "log",
        );
        let needed = (way == Way::Smtp).then_some(WITH_SMTP);
        let server = read.needed_by(
            needed,
            &Setting::new(
                "notifications.smtp.url",
                "smtps://user:password@host:port, smtp://user:password@host:port?tls=required, \
                 or without user and password smtp://host:port or smtp://host:port?tls=opportunistic",
                |text| text.parse().ok(),
            )
            .secret()
            .meaning("The mail server. With `smtps` all is encrypted, with `tls=required` all after STARTTLS."),
        );
        let from = read.needed_by(
            needed,
            &Setting::new("notifications.from", "an address, such as `Orderly <orders@example.com>`", |text| {
                text.parse().ok()
            })
            .meaning("Who writes to customers; names of mails end in its domain."),
        );
        let mail = server.zip(from).map(|(server, from)| Mail { server, from });
        Self { mail: mail.filter(|_| way == Way::Smtp) }
    }
}
