//! A message written down but not yet addressed: plain data, so that a saga's step can be compared and explored.

use std::{borrow::Cow, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Code, Error, Key, Kind, Message, Priority, Timestamp};

/// A message as it will travel, before anybody knows which endpoints get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Draft {
    /// [`Message::NAME`].
    pub name: Cow<'static, str>,
    /// [`Message::VERSION`].
    pub version: u16,
    /// Command or event.
    pub kind: Kind,
    /// What it is about.
    pub key: Key,
    /// Plain JSON, or why it could not be written.
    #[serde(with = "written")]
    pub body: Result<Arc<str>, String>,
    /// Nobody takes it before this much time has passed.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub delay: Duration,
    /// Nobody takes it before this moment; where it is set, the delay counts for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What is taken up first.
    pub priority: Priority,
    /// Once this much time has passed, it is dead-lettered instead of handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<Duration>,
    /// Of a job: while one of this key waits or runs, no other is enqueued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique: Option<String>,
    /// Of a job: it waits until those of its key that were enqueued so before it have ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_order: bool,
    /// Of a job: written down by its name alone, so its arguments are checked against what workers announce.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_name: bool,
}

impl Draft {
    /// Writes a message down.
    pub fn of<M: Message>(message: &M) -> Self {
        Self {
            name: Cow::Borrowed(M::NAME),
            version: M::VERSION,
            kind: M::KIND,
            key: message.key(),
            body: serde_json::to_string(message).map(Arc::from).map_err(|error| error.to_string()),
            delay: Duration::ZERO,
            at: None,
            priority: M::PRIORITY,
            expires_in: None,
            unique: None,
            in_order: false,
            by_name: false,
        }
    }

    /// Writes down a job by its name, for who has not its type, such as a command line. Its arguments are of the version
    /// that workers announce, and refused with `W0104` where they do not fit its schema; those of a job that no worker has
    /// announced yet are of the first version, and are not checked.
    pub fn of_job(name: &str, args: &serde_json::Value) -> Self {
        Self {
            name: Cow::Owned(name.to_owned()),
            version: 1,
            kind: Kind::Job,
            key: Key::new("job", name),
            body: Ok(Arc::from(args.to_string())),
            delay: Duration::ZERO,
            at: None,
            priority: Priority::Normal,
            expires_in: None,
            unique: None,
            in_order: false,
            by_name: true,
        }
    }

    /// The same, taken up only after `delay`.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The same, taken up only from this moment on.
    #[must_use]
    pub fn at(mut self, moment: Timestamp) -> Self {
        self.at = Some(moment);
        self
    }

    /// The same, taken up before or after others.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// The same, of no use once this much time has passed since it was sent: it is then dead-lettered with `W0029`
    /// instead of handled, at once and without a try. A handler that has begun by then is left to end.
    #[must_use]
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.expires_in = Some(time);
        self
    }

    /// The same job, enqueued only if none of the tenant's jobs of this name and key waits or runs: from the moment it is
    /// enqueued, through all its retries, until it ends. A dead letter is at its end; who redrives it means it, whatever
    /// else waits.
    ///
    /// ```
    /// # use wharf::{Client, Draft, Error, Job, Tenant};
    /// # async fn example<J: Job>(client: &Client, tenant: &Tenant, index: J) -> Result<(), Error> {
    /// // However often somebody presses the button.
    /// client.post(tenant, &Draft::of(&index).unique("shop:7")).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn unique(mut self, key: &str) -> Self {
        self.unique = Some(key.to_owned());
        self
    }

    /// The body, if it could be written and is not larger than the limit.
    pub(crate) fn checked_body(&self, size_max_bytes: usize) -> Result<&Arc<str>, Error> {
        let name = &*self.name;
        match &self.body {
            Err(error) => Err(Error::new(Code::BODY_UNWRITABLE, format!("message `{name}`: {error}"))),
            Ok(body) if body.len() > size_max_bytes => Err(Error::new(
                Code::BODY_TOO_LARGE,
                format!("message `{name}` has a body of {} bytes, at most {size_max_bytes} are allowed", body.len()),
            )),
            Ok(body) => Ok(body),
        }
    }
}

/// Of a draft that is stored, the body could be written.
mod written {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer, ser::Error};

    type Body = Result<Arc<str>, String>;

    pub(super) fn serialize<S: Serializer>(body: &Body, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(body.as_ref().map_err(S::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Body, D::Error> {
        Arc::deserialize(deserializer).map(Ok)
    }
}
