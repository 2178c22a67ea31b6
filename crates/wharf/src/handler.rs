//! A handler is a plain async function; its parameters are what it needs, its first one is its subscription.

use std::{future::Future, sync::Arc};

use futures_util::future::BoxFuture;

use crate::{
    Bus, Draft, Envelope, Kind, Message,
    context::Context,
    extract::{FromDelivery, Msg, read},
    failure::{Failure, Result},
};

/// An async function that handles a message.
///
/// Its first parameter is [`Msg<M>`](Msg), which makes it a consumer of `M`. The others are any of
/// [`State`](crate::State), [`Tx`](crate::Tx), [`Bus`], [`Attempt`](crate::Attempt), [`Cancel`](crate::Cancel) and
/// [`Envelope`]. It returns a [`Result`](crate::Result) of nothing, or of messages, which are then
/// published.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not a handler",
    note = "a handler is an `async fn` whose first parameter is `Msg<M>` with `M: Message`",
    note = "its other parameters are `State<S>`, `Tx`, `Bus`, `Attempt`, `Cancel` or `Envelope`, eight at most",
    note = "it returns `wharf::Result` of `()`, a message, or an `Option`, `Vec` or tuple of messages"
)]
pub trait Handler<S, Parameters>: Clone + Send + Sync + 'static {
    /// The message it consumes.
    type Message: Message;

    /// Handles one delivery.
    #[doc(hidden)]
    fn call(&self, context: &Context, state: &S) -> impl Future<Output = Result> + Send + 'static;
}

macro_rules! handler {
    ($($parameter:ident),*) => {
        #[allow(non_snake_case, reason = "type parameters name the values too")]
        impl<F, Fut, R, E, S, M, $($parameter),*> Handler<S, (M, $($parameter,)*)> for F
        where
            F: Fn(Msg<M>, $($parameter),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = Result<R, E>> + Send + 'static,
            R: Reply,
            E: Into<Failure>,
            M: Message,
            $($parameter: FromDelivery<S>,)*
        {
            type Message = M;

            fn call(&self, context: &Context, state: &S) -> impl Future<Output = Result> + Send + 'static {
                let prepared = (|| {
                    let message = read::<M>(context)?;
                    $(let $parameter = $parameter::from_delivery(context, state)?;)*
                    Ok::<_, Failure>(self(Msg(message), $($parameter),*))
                })();
                let bus = context.bus.clone();
                #[allow(unused_variables, reason = "a handler of no further parameters does not use the state")]
                let _ = state;
                async move {
                    prepared?.await.map_err(Into::into)?.publish(&bus);
                    Ok(())
                }
            }
        }
    };
}

handler!();
handler!(A);
handler!(A, B);
handler!(A, B, C);
handler!(A, B, C, D);
handler!(A, B, C, D, G);
handler!(A, B, C, D, G, H);
handler!(A, B, C, D, G, H, I);

/// What a handler may return: nothing, or messages to publish.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    note = "return `()`, a message, or an `Option`, `Vec` or tuple of messages"
)]
pub trait Reply {
    /// Sends what was returned.
    #[doc(hidden)]
    fn publish(self, bus: &Bus);
}

impl Reply for () {
    fn publish(self, _: &Bus) {}
}

impl<M: Message> Reply for M {
    fn publish(self, bus: &Bus) {
        bus.post(&Draft::of(&self));
    }
}

impl<M: Message> Reply for Option<M> {
    fn publish(self, bus: &Bus) {
        if let Some(message) = self {
            message.publish(bus);
        }
    }
}

impl<M: Message> Reply for Vec<M> {
    fn publish(self, bus: &Bus) {
        for message in self {
            message.publish(bus);
        }
    }
}

impl<A: Reply, B: Reply> Reply for (A, B) {
    fn publish(self, bus: &Bus) {
        self.0.publish(bus);
        self.1.publish(bus);
    }
}

impl<A: Reply, B: Reply, C: Reply> Reply for (A, B, C) {
    fn publish(self, bus: &Bus) {
        self.0.publish(bus);
        self.1.publish(bus);
        self.2.publish(bus);
    }
}

/// A handler with its state and types forgotten, as an endpoint holds it.
pub(crate) struct Consumer {
    pub(crate) id: Arc<str>,
    pub(crate) name: &'static str,
    pub(crate) version: u16,
    pub(crate) kind: Kind,
    call: Arc<Call>,
}

type Call = dyn Fn(&Context) -> BoxFuture<'static, Result> + Send + Sync;

impl Consumer {
    pub(crate) fn of<S, P, H>(id: &str, handler: H, state: S) -> Self
    where
        S: Send + Sync + 'static,
        H: Handler<S, P>,
    {
        Self {
            id: Arc::from(id),
            name: H::Message::NAME,
            version: H::Message::VERSION,
            kind: H::Message::KIND,
            call: Arc::new(move |context| Box::pin(handler.call(context, &state))),
        }
    }

    /// A consumer that is not a function of the user's, such as a saga.
    pub(crate) fn raw(
        id: &str,
        (name, version, kind): (&'static str, u16, Kind),
        call: impl Fn(&Context) -> BoxFuture<'static, Result> + Send + Sync + 'static,
    ) -> Self {
        Self { id: Arc::from(id), name, version, kind, call: Arc::new(call) }
    }

    pub(crate) fn call(&self, context: &Context) -> BoxFuture<'static, Result> {
        (self.call)(context)
    }

    /// A call that is made, and may panic, only once it is polled.
    pub(crate) fn call_later(&self, context: &Context) -> impl Future<Output = Result> + Send + 'static {
        let (call, context) = (Arc::clone(&self.call), context.clone());
        async move { call(&context).await }
    }

    pub(crate) fn accepts(&self, envelope: &Envelope) -> bool {
        *self.name == *envelope.name && envelope.version <= self.version
    }
}
