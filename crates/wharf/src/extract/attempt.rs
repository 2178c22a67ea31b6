//! Which try this is.

use super::FromDelivery;
use crate::{context::Context, failure::Failure};

/// Which try of this delivery this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// Tries before this one that ended without a word: the process died, or lost its lease.
    pub crashes: u32,
}

impl Attempt {
    /// Whether an earlier try may already have reached an outside provider: then inquire before repeating the call.
    pub fn is_repeat(self) -> bool {
        self.number > 1 || self.crashes > 0
    }
}

impl<S> FromDelivery<S> for Attempt {
    fn from_delivery(context: &Context, _: &S) -> Result<Self, Failure> {
        Ok(Self { number: context.failed_attempts + 1, crashes: context.delivery.lost_leases })
    }
}
