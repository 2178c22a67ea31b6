//! Who stands at the door of a module: a message that it refuses reaches no handler.

use async_trait::async_trait;

use crate::{Envelope, Key, context::Context, failure::Result};

/// Decides whether a message may be handled, before its handler or saga sees it.
///
/// ```
/// # use wharf::{Envelope, Failure, Guard, Key, Result};
/// /// Anybody may write a message, also one under a tenant that is not theirs.
/// struct OnlyTheirs;
///
/// #[async_trait::async_trait]
/// impl Guard for OnlyTheirs {
///     async fn admit(&self, envelope: &Envelope, key: &Key) -> Result {
/// #       async fn has(_: &wharf::Tenant, _: &Key) -> Result<bool> { Ok(true) }
///         if has(&envelope.tenant, key).await? {
///             return Ok(());
///         }
///         Err(Failure::refused(format!("{} is not of tenant `{}`", key.as_str(), envelope.tenant)))
///     }
/// }
/// ```
#[async_trait]
pub trait Guard: Send + Sync + 'static {
    /// Admits a message, or says why not. `key` is what the message itself says that it is about, whatever its envelope
    /// says. No transaction is open yet.
    ///
    /// # Errors
    /// What it returns is the delivery's verdict, as if the handler had said so: [`Failure::refused`](crate::Failure::refused)
    /// sets the message aside, any other error is tried again as the endpoint's policy says.
    async fn admit(&self, envelope: &Envelope, key: &Key) -> Result;
}

/// Asks the guard of this delivery's module, if it has one.
pub(crate) async fn admitted(context: &Context, key: &Key) -> Result {
    match &context.guard {
        Some(guard) => guard.admit(&context.delivery.envelope, key).await,
        None => Ok(()),
    }
}
