//! Who consumes what: the table of subscriptions, and what a process declares in it when it starts.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::JobType;
use crate::{Code, Error, Kind, Schedule, Timestamp};

/// One endpoint's wish for the messages of one name.
///
/// It outlives the process that declared it: what is sent while no consumer runs waits for the next. No tenant owns it,
/// as an endpoint gets every tenant's messages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subscription {
    /// The message's name.
    pub message: Arc<str>,
    /// The endpoint that consumes it.
    pub endpoint: Arc<str>,
    /// What the endpoint takes it for.
    pub kind: Kind,
    /// Whether the endpoint takes the messages of one key one at a time.
    pub takes_turns: bool,
}

/// A subscription as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSubscription {
    /// Who consumes what.
    pub subscription: Subscription,
    /// When it was first declared, by the engine's clock.
    pub declared_at: Timestamp,
    /// How long ago it was last declared or confirmed, by the engine's clock.
    pub unseen_for: Duration,
}

/// All that one process consumes and sends every so often, declared together when it starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declaration {
    /// One for each endpoint and message name.
    pub subscriptions: Vec<Subscription>,
    /// Endpoints whose place others take.
    pub replacements: Vec<Replacement>,
    /// What its modules send every so often.
    pub schedules: Vec<Schedule>,
    /// The jobs that it runs.
    pub jobs: Vec<JobType>,
}

/// An endpoint that takes another's place: subscriptions, what waits, and armed timers pass to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The endpoint that was.
    pub old: Arc<str>,
    /// The endpoint that takes its place.
    pub new: Arc<str>,
    /// The message names that it takes over; of the others the old endpoint keeps its subscription.
    pub messages: Vec<Arc<str>>,
}

/// What became of a [`Declaration`].
#[derive(Debug)]
pub enum Declared {
    /// It stands in the table.
    Accepted,
    /// It contradicts what stands in the table, which was left as it was.
    Refused(Vec<Error>),
}

impl Declaration {
    /// What is wrong with it beside these subscriptions of others: commands with more than one consumer, and messages
    /// that one takes for a command and another for an event. Engines ask this under the lock that keeps two processes
    /// from declaring at once.
    pub fn problems(&self, stored: &[StoredSubscription]) -> Vec<Error> {
        let mut by_message = BTreeMap::<&str, Takers<'_>>::new();
        for ours in &self.subscriptions {
            by_message.entry(&ours.message).or_default().ours.push(ours);
        }
        for theirs in stored.iter().filter(|stored| !self.supersedes(&stored.subscription)) {
            if let Some(takers) = by_message.get_mut(&*theirs.subscription.message) {
                takers.theirs.push(theirs);
            }
        }
        by_message.into_iter().filter_map(|(message, takers)| takers.problem(message)).collect()
    }

    /// Whether this subscription is declared here too, or replaced.
    pub(crate) fn supersedes(&self, theirs: &Subscription) -> bool {
        let declared = |ours: &Subscription| ours.endpoint == theirs.endpoint && ours.message == theirs.message;
        let replaced = |by: &Replacement| by.old == theirs.endpoint && by.messages.contains(&theirs.message);
        self.subscriptions.iter().any(declared) || self.replacements.iter().any(replaced)
    }
}

/// Who takes one message, here and elsewhere.
#[derive(Default)]
struct Takers<'a> {
    ours: Vec<&'a Subscription>,
    theirs: Vec<&'a StoredSubscription>,
}

impl Takers<'_> {
    fn problem(&self, message: &str) -> Option<Error> {
        let all = || self.ours.iter().copied().chain(self.theirs.iter().map(|stored| &stored.subscription));
        if all().any(|one| one.kind == Kind::Command) && all().any(|one| one.kind == Kind::Event) {
            let text = format!(
                "`{message}` is a command for {} and an event for {}",
                self.of(Kind::Command),
                self.of(Kind::Event)
            );
            return Some(Error::new(Code::KIND_CONTRADICTED, text));
        }
        let is_contested = all().count() > 1 && all().any(|one| one.kind == Kind::Command);
        is_contested.then(|| {
            let text = format!("command `{message}` has the consumers {}", self.of(Kind::Command));
            Error::new(Code::COMMAND_CONTESTED, text)
        })
    }

    fn of(&self, kind: Kind) -> String {
        let ours = self.ours.iter().filter(|one| one.kind == kind).map(|one| one.endpoint.to_string());
        let theirs = self.theirs.iter().filter(|stored| stored.subscription.kind == kind).map(|stored| {
            let ago = stored.unseen_for.as_secs();
            format!("{} (of another process, last seen {ago} s ago)", stored.subscription.endpoint)
        });
        ours.chain(theirs).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(endpoint: &str, message: &str, kind: Kind) -> Subscription {
        Subscription { message: Arc::from(message), endpoint: Arc::from(endpoint), kind, takes_turns: false }
    }

    fn stored(endpoint: &str, message: &str, kind: Kind) -> StoredSubscription {
        StoredSubscription {
            subscription: subscription(endpoint, message, kind),
            declared_at: Timestamp::from_micros(0),
            unseen_for: Duration::from_secs(90),
        }
    }

    fn told(declaration: &Declaration, stored: &[StoredSubscription]) -> String {
        declaration.problems(stored).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_contradiction_is_told() {
        let declaration = Declaration {
            subscriptions: vec![
                subscription("here", "contested", Kind::Command),
                subscription("here", "confused", Kind::Event),
                subscription("here", "shared", Kind::Event),
                subscription("here", "changed", Kind::Event),
            ],
            ..Declaration::default()
        };
        let stored = [
            stored("there", "contested", Kind::Command),
            stored("there", "confused", Kind::Command),
            stored("there", "shared", Kind::Event),
            stored("there", "nobody's here", Kind::Command),
            stored("here", "changed", Kind::Command),
        ];
        assert_eq!(
            told(&declaration, &stored),
            "W0035: `confused` is a command for there (of another process, last seen 90 s ago) and an event for here\n\
             W0014: command `contested` has the consumers here, there (of another process, last seen 90 s ago)"
        );
    }

    #[test]
    fn an_endpoint_may_take_anothers_place() {
        let mut declaration =
            Declaration { subscriptions: vec![subscription("new", "work", Kind::Command)], ..Declaration::default() };
        let stored = [stored("old", "work", Kind::Command)];
        assert_eq!(declaration.problems(&stored).len(), 1);
        let messages = vec![Arc::from("work")];
        declaration.replacements.push(Replacement { old: Arc::from("old"), new: Arc::from("new"), messages });
        assert_eq!(told(&declaration, &stored), "");
    }
}
