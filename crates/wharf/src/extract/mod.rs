//! What a handler's parameters may be.

mod attempt;
mod msg;
mod state;

pub use attempt::Attempt;
pub use msg::Msg;
pub(crate) use msg::read;
pub use state::State;

use crate::{Bus, Cancel, Envelope, Tx, context::Context, failure::Failure};

/// Something a handler can ask for by taking it as a parameter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a handler's parameter",
    label = "one of its parameters is not in a delivery",
    note = "parameters after the first are `State<{S}>` (the state of this module), `Tx`, `Bus`, `Attempt`, `Cancel`, `Envelope` or, of a job, `Run`",
    note = "a handler consumes one message, its first parameter; a second message needs a handler of its own"
)]
pub trait FromDelivery<S>: Sized + Send + 'static {
    /// Whether a handler that takes it may open the delivery's transaction, for which it needs a connection.
    #[doc(hidden)]
    const USES_TX: bool = false;

    /// Whether it is the run of a job, which no other handler has.
    #[doc(hidden)]
    const USES_RUN: bool = false;

    /// Takes its part from the delivery.
    #[doc(hidden)]
    fn from_delivery(context: &Context, state: &S) -> Result<Self, Failure>;
}

impl<S> FromDelivery<S> for Tx {
    const USES_TX: bool = true;

    fn from_delivery(context: &Context, _: &S) -> Result<Self, Failure> {
        context.slot.lend()
    }
}

impl<S> FromDelivery<S> for Bus {
    fn from_delivery(context: &Context, _: &S) -> Result<Self, Failure> {
        Ok(context.bus.clone())
    }
}

impl<S> FromDelivery<S> for Cancel {
    fn from_delivery(context: &Context, _: &S) -> Result<Self, Failure> {
        Ok(context.cancel.clone())
    }
}

impl<S> FromDelivery<S> for Envelope {
    fn from_delivery(context: &Context, _: &S) -> Result<Self, Failure> {
        Ok(context.delivery.envelope.clone())
    }
}
