//! The ids that cross module borders: public integers for what we number, text for what providers number.

use std::{convert::Infallible, fmt, num::ParseIntError, str::FromStr};

use serde::{Deserialize, Serialize};

/// Declares ids that are integers here, on the wire and in the database.
macro_rules! numbered {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

/// Declares ids that an outside provider chose. We store and repeat them, and read nothing into them.
macro_rules! foreign {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Infallible;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self::new(text))
            }
        }
    )*};
}

numbered! {
    /// An order's public number.
    OrderId
    /// Who buys: the id of the user, or [`CustomerId::WALK_IN`].
    CustomerId
    /// A product of the catalog, and of the stock that inventory keeps of it.
    ProductId
    /// One row of what a customer was told.
    NotificationId
    /// Which of its order's returns, from 1.
    ReturnNumber
}

foreign! {
    /// The payment provider's id of money it took.
    CaptureId
    /// The carrier's number of a parcel it accepted.
    TrackingNumber
}

impl CustomerId {
    /// The customer of an order that names none. No user has this id.
    pub const WALK_IN: Self = Self(0);
}
