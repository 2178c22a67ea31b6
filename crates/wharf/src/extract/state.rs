//! The module's state: its ports.

use super::FromDelivery;
use crate::{context::Context, failure::Failure};

/// The state the module was made with, usually its `Ports`.
#[derive(Debug, Clone, Copy)]
pub struct State<S>(pub S);

impl<S: Clone + Send + 'static> FromDelivery<S> for State<S> {
    fn from_delivery(_: &Context, state: &S) -> Result<Self, Failure> {
        Ok(Self(state.clone()))
    }
}
