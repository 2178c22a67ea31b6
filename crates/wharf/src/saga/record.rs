//! How a saga's changes reach the module's own tables.

use std::convert::Infallible;

use async_trait::async_trait;

use super::Saga;
use crate::{Tx, failure::Result};

/// Writes what a saga's steps [`record`](super::Step::record), through the transaction of the delivery.
#[async_trait]
pub trait Recorder<S: Saga>: Send + Sync + 'static {
    /// Writes one change.
    async fn record(&self, tx: &mut Tx, facts: &S::Facts, change: S::Change) -> Result;
}

/// A saga that records nothing needs no recorder.
#[async_trait]
impl<S: Saga<Change = Infallible>> Recorder<S> for () {
    async fn record(&self, _: &mut Tx, _: &S::Facts, change: Infallible) -> Result {
        match change {}
    }
}
