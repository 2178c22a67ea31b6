//! What travels: a serde type with a stable name, a kind and a key.

use std::fmt;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A message: a plain serde type that says what it is called on the wire.
///
/// The name is chosen by hand, so that moving or renaming the Rust type changes nothing for messages that already wait.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use wharf::{Key, Kind, Message};
///
/// #[derive(Serialize, Deserialize)]
/// struct ReserveStock { order: i64 }
///
/// impl Message for ReserveStock {
///     const NAME: &'static str = "inventory.reserve-stock";
///     const KIND: Kind = Kind::Command;
///     fn key(&self) -> Key { Key::new("order", self.order) }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "not a message",
    note = "implement `wharf::Message` for it: the name it travels under, and the key it is about",
    note = "a handler returns `wharf::Result` of `()`, a message, or an `Option`, `Vec` or tuple of messages"
)]
pub trait Message: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name on the wire, `context.what-happened`. Never derived from the Rust path.
    const NAME: &'static str;
    /// Raised when the meaning of the body changes. Added fields need no new version: unknown ones are ignored.
    const VERSION: u16 = 1;
    /// Whether one consumer must exist, or any number may.
    const KIND: Kind = Kind::Event;
    /// What is taken up first where more waits than can be handled. [`Draft::priority`](crate::Draft::priority) says
    /// otherwise for one message.
    const PRIORITY: Priority = Priority::Normal;
    /// What the message is about. It finds the saga, and orders deliveries where that is asked for.
    fn key(&self) -> Key;

    /// Lifts a body of this older version to the next. Applied step by step until [`VERSION`](Message::VERSION); `None`
    /// says that it cannot be lifted, and the message is dead-lettered with `W0006`.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use wharf::{Key, Message};
    /// #[derive(Serialize, Deserialize)]
    /// struct Moved { order: i64, street: String }
    ///
    /// impl Message for Moved {
    ///     const NAME: &'static str = "shop.moved";
    ///     const VERSION: u16 = 2;
    ///     fn key(&self) -> Key { Key::new("order", self.order) }
    ///     fn upcast(version: u16, mut body: serde_json::Value) -> Option<serde_json::Value> {
    ///         match version {
    ///             1 => { // `address` became `street`
    ///                 let address = body.as_object_mut()?.remove("address")?;
    ///                 body["street"] = address;
    ///                 Some(body)
    ///             }
    ///             _ => None,
    ///         }
    ///     }
    /// }
    /// ```
    fn upcast(_version: u16, _body: serde_json::Value) -> Option<serde_json::Value> {
        None
    }
}

/// What is taken up first where more waits than can be handled.
///
/// It is strict: as long as due messages of a higher priority fill an endpoint's workers, those of a lower one wait. Keep
/// `High` for what is rare. Where keys take their turns in order, the order of a key comes before any priority.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Before all others.
    High,
    /// As most messages are.
    #[default]
    Normal,
    /// When nothing else is due.
    Low,
}

impl Priority {
    /// As engines store it: what sorts first is taken first.
    pub fn rank(self) -> i16 {
        match self {
            Self::High => 0,
            Self::Normal => 1,
            Self::Low => 2,
        }
    }

    /// Reads back what [`Priority::rank`] gave. Nothing else is ever claimed.
    pub fn from_rank(rank: i16) -> Self {
        match rank {
            ..=0 => Self::High,
            1 => Self::Normal,
            2.. => Self::Low,
        }
    }
}

/// A command is for exactly one consumer; an event for whoever listens, perhaps nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Exactly one endpoint consumes it; checked when the worker starts.
    Command,
    /// Any number of endpoints consume it, each getting a delivery of its own.
    Event,
    /// A [`Job`](crate::Job): it waits in a queue of its own for whichever worker runs it, and its history is kept.
    Job,
}

/// What a message is about: a namespaced id such as `order:42`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

impl Key {
    /// `Key::new("order", 42)` is `order:42`. The namespace keeps ids of different things apart.
    pub fn new(namespace: &str, id: impl fmt::Display) -> Self {
        Self(format!("{namespace}:{id}"))
    }

    /// The key as it is stored, `namespace:id`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads back what [`Key::as_str`] gave. Engines use this; there is nothing to validate.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
