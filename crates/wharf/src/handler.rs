//! A handler is a plain async function; its parameters are what it needs, its first one is its subscription.

use std::{
    future::{Future, ready},
    sync::Arc,
};

use futures_util::future::BoxFuture;

use crate::{
    Bus, Draft, Envelope, Job, JobAnswer, Key, Kind, Message,
    context::Context,
    extract::{FromDelivery, Msg, read},
    failure::{Failure, Result},
    guard::admitted,
};

/// An async function that handles a message.
///
/// Its first parameter is [`Msg<M>`](Msg), which makes it a consumer of `M`. The others are any of
/// [`State`](crate::State), [`Tx`](crate::Tx), [`Bus`], [`Attempt`](crate::Attempt), [`Cancel`](crate::Cancel),
/// [`Envelope`] and, if the message is a job, [`Run`](crate::Run). It returns a [`Result`](crate::Result) of nothing, or of messages, which are then
/// published.
///
/// Parameters and answer are bounds of their own ([`Parameters`], [`Answer`]), so that the compiler can say which of them
/// is wrong.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not a handler",
    note = "a handler is an `async fn` whose first parameter is `Msg<M>` with `M: Message`",
    note = "its other parameters are `State<S>`, `Tx`, `Bus`, `Attempt`, `Cancel` or `Envelope`, eight in all at most",
    note = "it returns `wharf::Result` of `()`, a message, or an `Option`, `Vec` or tuple of messages"
)]
pub trait Handler<P>: Clone + Send + Sync + 'static {
    /// What calling it returns: a future, as it is `async`.
    type Returned;

    /// Calls it.
    #[doc(hidden)]
    fn call(&self, parameters: P) -> Self::Returned;
}

/// The parameters of a handler, as a tuple. The first one is its message.
#[diagnostic::on_unimplemented(
    message = "a handler cannot have the parameters `{Self}`",
    label = "its first parameter is not `Msg<M>`",
    note = "the first parameter is `Msg<M>` with `M: Message`: it makes the handler a consumer of `M`"
)]
pub trait Parameters<S>: Sized + Send + 'static {
    /// The message that is consumed.
    type Message: Message;

    /// Whether one of them may open the delivery's transaction.
    #[doc(hidden)]
    const USES_TX: bool;

    /// Whether one of them is the run of a job.
    #[doc(hidden)]
    const USES_RUN: bool;

    /// Takes them from the delivery.
    #[doc(hidden)]
    fn take(context: &Context, state: &S) -> Result<Self>;

    /// What the message says that it is about.
    #[doc(hidden)]
    fn key(&self) -> Key;
}

/// What an `async` handler returns: a future, which any thread may go on with, of a [`Result`](crate::Result).
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "not an `async fn` that returns `wharf::Result`",
    note = "a handler is an `async fn` that returns `wharf::Result` of `()`, a message, or an `Option`, `Vec` or tuple of messages"
)]
pub trait Answer: Send + 'static {
    /// Publishes what is returned.
    #[doc(hidden)]
    fn publish(self, bus: Bus) -> BoxFuture<'static, Result>;
}

impl<F, R, E> Answer for F
where
    F: Future<Output = Result<R, E>> + Send + 'static,
    R: Reply,
    E: Into<Failure>,
{
    fn publish(self, bus: Bus) -> BoxFuture<'static, Result> {
        Box::pin(async move {
            self.await.map_err(Into::into)?.publish(&bus);
            Ok(())
        })
    }
}

macro_rules! handler {
    ($($parameter:ident),*) => {
        #[allow(non_snake_case, reason = "type parameters name the values too")]
        impl<F, T, M, $($parameter),*> Handler<(M, $($parameter,)*)> for F
        where
            F: Fn(M, $($parameter),*) -> T + Clone + Send + Sync + 'static,
        {
            type Returned = T;

            fn call(&self, (message, $($parameter,)*): (M, $($parameter,)*)) -> T {
                self(message, $($parameter),*)
            }
        }

        impl<S, M: Message, $($parameter: FromDelivery<S>),*> Parameters<S> for (Msg<M>, $($parameter,)*) {
            type Message = M;

            const USES_TX: bool = false $(|| $parameter::USES_TX)*;
            const USES_RUN: bool = false $(|| $parameter::USES_RUN)*;

            #[allow(unused_variables, reason = "a handler of no further parameters does not use the state")]
            fn take(context: &Context, state: &S) -> Result<Self> {
                Ok((Msg(read::<M>(context)?), $($parameter::from_delivery(context, state)?,)*))
            }

            fn key(&self) -> Key {
                self.0.0.key()
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
    /// Whether it may open its delivery's transaction.
    pub(crate) uses_tx: bool,
    /// Whether it asks for the run of a job.
    pub(crate) uses_run: bool,
    call: Arc<Call>,
}

type Call = dyn Fn(&Context) -> BoxFuture<'static, Result> + Send + Sync;

impl Consumer {
    /// The name of a consumer that takes every message.
    pub(crate) const ANY: &'static str = "*";

    pub(crate) fn of<S, P, H>(id: &str, handler: H, state: S) -> Self
    where
        S: Send + Sync + 'static,
        P: Parameters<S>,
        H: Handler<P, Returned: Answer>,
    {
        Self::answering(id, handler, state, |returned: H::Returned, context| returned.publish(context.bus.clone()))
    }

    /// One that runs a job, and keeps what it returns.
    pub(crate) fn of_job<S, P, H>(id: &str, handler: H, state: S) -> Self
    where
        S: Send + Sync + 'static,
        P: Parameters<S, Message: Job>,
        H: Handler<P, Returned: JobAnswer>,
    {
        Self::answering(id, handler, state, |returned: H::Returned, context| {
            let (result, run) = (returned.result(), context.run.clone());
            Box::pin(async move {
                let result = result.await?;
                run.inspect(|run| run.keep_result(result));
                Ok(())
            })
        })
    }

    fn answering<S, P, H>(
        id: &str,
        handler: H,
        state: S,
        answer: impl Fn(H::Returned, &Context) -> BoxFuture<'static, Result> + Copy + Send + Sync + 'static,
    ) -> Self
    where
        S: Send + Sync + 'static,
        P: Parameters<S>,
        H: Handler<P>,
    {
        let call = move |context: &Context| -> BoxFuture<'static, Result> {
            match P::take(context, &state) {
                Ok(parameters) if context.guard.is_none() => answer(handler.call(parameters), context),
                Ok(parameters) => {
                    let (handler, context) = (handler.clone(), context.clone());
                    Box::pin(async move {
                        admitted(&context, &parameters.key()).await?;
                        answer(handler.call(parameters), &context).await
                    })
                }
                Err(failure) => Box::pin(ready(Err(failure))),
            }
        };
        Self {
            id: Arc::from(id),
            name: P::Message::NAME,
            version: P::Message::VERSION,
            kind: P::Message::KIND,
            uses_tx: P::USES_TX,
            uses_run: P::USES_RUN,
            call: Arc::new(call),
        }
    }

    /// A consumer that is not a function of the user's: a saga, which keeps its state in the transaction.
    pub(crate) fn raw(
        id: &str,
        (name, version, kind): (&'static str, u16, Kind),
        call: impl Fn(&Context) -> BoxFuture<'static, Result> + Send + Sync + 'static,
    ) -> Self {
        Self { id: Arc::from(id), name, version, kind, uses_tx: true, uses_run: false, call: Arc::new(call) }
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
        self.name == Self::ANY || (*self.name == *envelope.name && envelope.version <= self.version)
    }
}
