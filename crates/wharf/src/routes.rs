//! Which endpoints get a message: drawn from the table of subscriptions, and drawn anew while the worker runs.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use crate::{Code, Error, Kind, ports::Subscription};

/// For each message name, the endpoints that consume it.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    by_name: HashMap<Arc<str>, Route>,
}

#[derive(Debug)]
struct Route {
    kind: Kind,
    endpoints: Vec<Destination>,
}

/// An endpoint that gets a message.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) endpoint: Arc<str>,
    pub(crate) takes_turns: bool,
}

impl Routes {
    /// The routes that these subscriptions make.
    pub(crate) fn of<'a>(subscriptions: impl IntoIterator<Item = &'a Subscription>) -> Self {
        let mut by_name = HashMap::<Arc<str>, Route>::new();
        // In one order, whoever declared them first.
        for subscription in subscriptions.into_iter().collect::<BTreeSet<_>>() {
            let new = || Route { kind: subscription.kind, endpoints: Vec::new() };
            let route = by_name.entry(Arc::clone(&subscription.message)).or_insert_with(new);
            if !route.endpoints.iter().any(|destination| destination.endpoint == subscription.endpoint) {
                let (endpoint, takes_turns) = (Arc::clone(&subscription.endpoint), subscription.takes_turns);
                route.endpoints.push(Destination { endpoint, takes_turns });
            }
        }
        Self { by_name }
    }

    /// Every endpoint that messages go to, some more than once.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_name.values().flat_map(|route| &route.endpoints).map(|destination| &destination.endpoint)
    }

    /// Where a message goes. An event nobody listens to goes nowhere; a command nobody consumes is an error.
    pub(crate) fn find(&self, name: &str, kind: Kind) -> Result<&[Destination], Error> {
        match (self.by_name.get(name), kind) {
            (Some(route), _) if route.kind == kind => Ok(&route.endpoints),
            (Some(route), _) => {
                let takers: Vec<_> = route.endpoints.iter().map(|destination| &*destination.endpoint).collect();
                let message = format!(
                    "`{name}` is sent as {}, but {} take it for {}",
                    words(kind),
                    takers.join(", "),
                    words(route.kind)
                );
                Err(Error::new(Code::KIND_CONTRADICTED, message))
            }
            // A job needs no route: the name of its queue is its own.
            (None, Kind::Event | Kind::Job) => Ok(&[]),
            (None, Kind::Command) => {
                Err(Error::new(Code::COMMAND_UNROUTED, format!("no endpoint consumes the command `{name}`")))
            }
        }
    }
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Command => "a command",
        Kind::Event => "an event",
        Kind::Job => "a job",
    }
}

/// What is in force, of what other processes declare too. Whoever sends looks here, in memory; it is replaced as a whole.
#[derive(Debug, Default)]
pub(crate) struct Current<T>(RwLock<Arc<T>>);

impl<T> Current<T> {
    pub(crate) fn new(first: T) -> Self {
        Self(RwLock::new(Arc::new(first)))
    }

    pub(crate) fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace(&self, next: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }
}
