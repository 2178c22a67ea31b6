//! Which endpoints get a message: drawn from the modules' own subscriptions.

use std::{collections::HashMap, sync::Arc};

use crate::{Code, Error, Kind};

/// For each message name, the endpoints that consume it.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    by_name: HashMap<&'static str, Route>,
}

#[derive(Debug)]
struct Route {
    kind: Kind,
    endpoints: Vec<Arc<str>>,
}

impl Routes {
    pub(crate) fn subscribe(&mut self, name: &'static str, kind: Kind, endpoint: &Arc<str>) {
        let route = self.by_name.entry(name).or_insert(Route { kind, endpoints: Vec::new() });
        route.endpoints.push(Arc::clone(endpoint));
    }

    /// Commands that more than one endpoint consumes.
    pub(crate) fn contested(&self) -> Vec<Error> {
        let mut contested: Vec<_> = self
            .by_name
            .iter()
            .filter(|(_, route)| route.kind == Kind::Command && route.endpoints.len() > 1)
            .map(|(name, route)| {
                Error::new(
                    Code::COMMAND_CONTESTED,
                    format!("command `{name}` has the consumers {}", route.endpoints.join(", ")),
                )
            })
            .collect();
        contested.sort_by_key(ToString::to_string);
        contested
    }

    /// Every endpoint that messages go to, some more than once.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_name.values().flat_map(|route| &route.endpoints)
    }

    /// Where a message goes. An event nobody listens to goes nowhere; a command nobody consumes is an error.
    pub(crate) fn find(&self, name: &'static str, kind: Kind) -> Result<&[Arc<str>], Error> {
        match (self.by_name.get(name), kind) {
            (Some(route), _) => Ok(&route.endpoints),
            (None, Kind::Event) => Ok(&[]),
            (None, Kind::Command) => {
                Err(Error::new(Code::COMMAND_UNROUTED, format!("no endpoint consumes the command `{name}`")))
            }
        }
    }
}
