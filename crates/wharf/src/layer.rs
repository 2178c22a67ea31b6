//! tower's layers around the handlers of an endpoint: limits of rate, breakers, timeouts.

use std::{
    fmt,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, oneshot};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    Code, Delivery, Envelope, Error,
    error::chain,
    failure::{Failure, Result, Verdict},
};

/// What a layer did not let pass comes back after this long, and so long nothing more is claimed.
pub(crate) const LATER: Duration = Duration::from_secs(1);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A delivery on its way to its handler, as the layers of its endpoint see it.
///
/// It is not `Clone`: what is tried again is decided by the endpoint's [`Retry`](crate::Retry), not by a layer.
pub struct Arrival {
    delivery: Arc<Delivery>,
    handler: BoxFuture<'static, Result>,
    begins: oneshot::Sender<()>,
    ends: oneshot::Sender<Result>,
}

/// How far the handler of an [`Arrival`] has come, whatever the layers around it say.
pub(crate) struct Progress {
    begins: Option<oneshot::Receiver<()>>,
    has_begun: bool,
    ended: oneshot::Receiver<Result>,
}

/// The service that layers wrap: an endpoint's handlers, within the layers added before.
#[derive(Clone)]
pub struct Handling {
    within: Option<Arc<Layers>>,
}

/// A handler's failure as the layers around it see it. What becomes of the delivery is the handler's own verdict.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct Unhandled {
    verdict: Verdict,
    reason: String,
}

/// The layers of one endpoint, one around the other. All its deliveries in this process share them.
pub(crate) struct Layers(Mutex<Box<dyn Outermost>>);

/// A service whose type is forgotten.
trait Outermost: Send {
    fn ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>>;
    fn handle(&mut self, arrival: Arrival) -> BoxFuture<'static, Result<(), BoxError>>;
}

impl Arrival {
    /// An arrival whose handler, at its first poll, is this future.
    pub(crate) fn of(delivery: Arc<Delivery>, handler: BoxFuture<'static, Result>) -> (Self, Progress) {
        let (begins, begun) = oneshot::channel();
        let (ends, ended) = oneshot::channel();
        (Self { delivery, handler, begins, ends }, Progress { begins: Some(begun), has_begun: false, ended })
    }

    /// What surrounds the message: its name, its tenant, its key.
    pub fn envelope(&self) -> &Envelope {
        &self.delivery.envelope
    }

    async fn handle(self) -> Result<(), Unhandled> {
        // Nobody listens any more when the delivery was cancelled; then this future is about to be dropped, too.
        let _ = self.begins.send(());
        let answer = self.handler.await;
        let told = answer.as_ref().copied().map_err(Unhandled::by_handler);
        let _ = self.ends.send(answer);
        told
    }
}

impl Progress {
    /// Resolves once, when the handler begins; never when it will not.
    pub(crate) async fn begun(&mut self) {
        if let Some(begins) = &mut self.begins {
            self.has_begun = begins.await.is_ok();
            self.begins = None;
            if self.has_begun {
                return;
            }
        }
        std::future::pending().await
    }

    pub(crate) fn has_begun(&mut self) -> bool {
        self.has_begun || self.begins.as_mut().is_some_and(|begins| begins.try_recv().is_ok())
    }

    /// What the layers' answer means. The handler has the last word, unless a layer cut it off: what a handler failed at
    /// is not made good by a layer, and what no handler saw is not handled.
    pub(crate) fn judge(mut self, answer: Result<(), BoxError>) -> Result {
        match (self.ended.try_recv(), answer) {
            (Ok(Err(failure)), _) => Err(failure),
            (Ok(Ok(())), Ok(())) => Ok(()),
            (_, Err(error)) if self.has_begun() => Err(given_up("a layer gave its handler up", Some(error))),
            (_, Err(error)) => Err(turned_away("a layer turned it away", Some(error))),
            (_, Ok(())) => Err(given_up("a layer answered in its handler's place", None)),
        }
    }
}

/// A layer did not let the delivery pass in time.
pub(crate) fn not_admitted(wait: Duration) -> Failure {
    turned_away(&format!("no layer let it pass within {wait:?}"), None)
}

/// The handler never ran: later, and it costs no attempt.
fn turned_away(what: &str, error: Option<BoxError>) -> Failure {
    let rejected = Error::new(Code::LAYER_REJECTED, what);
    Failure::coded(Verdict::Snooze(LATER), error.into_iter().fold(rejected, Error::caused_by))
}

/// The handler ran, or should have: a failed attempt.
fn given_up(what: &str, error: Option<BoxError>) -> Failure {
    let failed = Error::new(Code::LAYER_FAILED, what);
    Failure::coded(Verdict::Retry, error.into_iter().fold(failed, Error::caused_by))
}

impl Unhandled {
    fn by_handler(failure: &Failure) -> Self {
        Self { verdict: failure.verdict(), reason: failure.chain() }
    }

    fn by_layer(error: &(dyn std::error::Error + 'static)) -> Self {
        Self { verdict: Verdict::Retry, reason: chain(error) }
    }

    /// What the handler said is to happen. A breaker may want to leave out [`Verdict::Snooze`] and
    /// [`Verdict::DeadLetter`], which do not tell that anything is out of order.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }
}

impl Service<Arrival> for Handling {
    type Response = ();
    type Error = Unhandled;
    type Future = BoxFuture<'static, Result<(), Unhandled>>;

    /// At once: how many run at a time is the endpoint's own limit.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unhandled>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, arrival: Arrival) -> Self::Future {
        match self.within.clone() {
            None => Box::pin(arrival.handle()),
            Some(layers) => {
                Box::pin(async move { layers.handle(arrival).await.map_err(|error| Unhandled::by_layer(&*error)) })
            }
        }
    }
}

impl Layers {
    /// This layer around those that were there before.
    pub(crate) fn add<L>(within: Option<Arc<Self>>, layer: &L) -> Arc<Self>
    where
        L: Layer<Handling>,
        L::Service: Service<Arrival, Response = ()> + Send + 'static,
        <L::Service as Service<Arrival>>::Error: Into<BoxError>,
        <L::Service as Service<Arrival>>::Future: Send + 'static,
    {
        Arc::new(Self(Mutex::new(Box::new(layer.layer(Handling { within })))))
    }

    /// Waits until the outermost layer is ready for this delivery, whose turn comes in order of arrival, and hands it in.
    pub(crate) async fn handle(&self, arrival: Arrival) -> Result<(), BoxError> {
        let handling = {
            let mut outermost = self.0.lock().await;
            poll_fn(|context| outermost.ready(context)).await?;
            outermost.handle(arrival)
        };
        handling.await
    }
}

impl<S> Outermost for S
where
    S: Service<Arrival, Response = ()> + Send,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    fn ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.poll_ready(context).map_err(Into::into)
    }

    fn handle(&mut self, arrival: Arrival) -> BoxFuture<'static, Result<(), BoxError>> {
        let handling = self.call(arrival);
        Box::pin(async move { handling.await.map_err(Into::into) })
    }
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrival").field("delivery", &self.delivery).finish_non_exhaustive()
    }
}

impl fmt::Debug for Handling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handling").field("layered", &self.within.is_some()).finish()
    }
}
