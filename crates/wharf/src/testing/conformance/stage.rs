//! The engine under test, and the few moves that the cases are made of.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use uuid::Uuid;

use super::{Sabotage, Subject};
use crate::{
    Clock, Code, DeadLetter, DeadLetterFilter, Death, Delivery, Envelope, Firing, Journey, Key, Kind, Outgoing,
    Priority, Tenant, Timestamp, Trail, Tx,
    ports::{Claim, Lease, Outcome, Retention, Settlement, Store, Transaction, Transport},
    testing::ManualClock,
    tx::SlotOwner,
};

pub(super) const LEASE: Duration = Duration::from_secs(30);
pub(super) const MICROSECOND: Duration = Duration::from_micros(1);

/// The engine under test on its wound clock.
#[derive(Debug)]
pub struct Stage<S> {
    /// `None` once it was killed and nothing outlived it.
    subject: Option<S>,
    clock: ManualClock,
}

impl<S: Subject> Stage<S> {
    pub(super) async fn start() -> Self {
        let clock = ManualClock::new();
        let stage = Self { subject: Some(S::start(clock.clone()).await), clock };
        stage.wind(Duration::ZERO).await;
        stage
    }

    pub(super) async fn stop(self) {
        if let Some(subject) = self.subject {
            subject.stop().await;
        }
    }

    /// Kills the engine and opens it again; `false` when nothing outlives it.
    pub(super) async fn reopen(&mut self) -> bool {
        let killed = self.subject.take().expect("a subject");
        self.subject = killed.reopen().await;
        if self.subject.is_some() {
            self.wind(Duration::ZERO).await;
        }
        self.subject.is_some()
    }

    pub(super) fn subject(&self) -> &S {
        self.subject.as_ref().expect("a subject")
    }

    pub(super) fn engine(&self) -> S::Engine {
        self.subject().engine()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The clock, for a harness to wind.
    pub(super) fn clock(&self) -> ManualClock {
        self.clock.clone()
    }

    /// Moves both clocks: ours, and the database's where it keeps time.
    pub(super) async fn wind(&self, by: Duration) {
        let moment = self.now() + by;
        self.engine().wind_to(moment).await.unwrap();
        self.clock.wind_to(moment);
    }

    /// A message that was never tried, for one endpoint.
    pub(super) fn message(&self, endpoint: &str, name: &str) -> Outgoing {
        let envelope = Envelope {
            id: Uuid::now_v7(),
            name: Arc::from(name),
            version: 1,
            kind: Kind::Event,
            key: Key::new("case", 1),
            tenant: Tenant::default(),
            sent_at: self.now(),
            attempt: 0,
            crashes: 0,
            redrives: 0,
            priority: Priority::Normal,
            expires_at: None,
            trail: trail(),
        };
        Outgoing::new(Arc::from(endpoint), envelope, Arc::from(r#"{"n":1}"#))
    }

    /// Sends one message of this name.
    pub(super) async fn send(&self, endpoint: &str, name: &str) {
        self.send_all(&[self.message(endpoint, name)]).await;
    }

    pub(super) async fn send_all(&self, batch: &[Outgoing]) {
        self.engine().send(batch).await.unwrap();
    }

    pub(super) async fn claim(&self, endpoint: &str, max: usize) -> Vec<Delivery> {
        self.engine().claim(&Claim::new(endpoint, max, LEASE)).await.unwrap().deliveries
    }

    /// Claims the one delivery that is due.
    pub(super) async fn claim_one(&self, endpoint: &str) -> Delivery {
        let mut claimed = self.claim(endpoint, 10).await;
        assert_eq!(claimed.len(), 1, "one delivery was to be due at `{endpoint}`: {claimed:?}");
        claimed.remove(0)
    }

    /// The names of what is due, in the order it is claimed.
    pub(super) async fn claim_names(&self, endpoint: &str) -> Vec<String> {
        self.claim(endpoint, 100).await.iter().map(|delivery| delivery.envelope.name.to_string()).collect()
    }

    /// Settles all that is due; returns the names, in the order in which it was claimed.
    pub(super) async fn handle_all(&self, endpoint: &str) -> Vec<String> {
        let claimed = self.claim(endpoint, 100).await;
        for delivery in &claimed {
            assert!(self.settle(delivery.lease, Outcome::Done).await);
        }
        claimed.into_iter().map(|delivery| delivery.envelope.name.to_string()).collect()
    }

    pub(super) async fn assert_idle(&self, endpoint: &str) {
        assert_eq!(self.claim_names(endpoint).await, [""; 0], "nothing was to be due at `{endpoint}`");
    }

    /// Settles one delivery without a transaction of its own.
    pub(super) async fn settle(&self, lease: Lease, outcome: Outcome) -> bool {
        let ours = self.engine().settle(&[Settlement::new(lease, outcome)]).await.unwrap();
        assert_eq!(ours.len(), 1, "an answer for each settlement");
        ours[0]
    }

    /// A handler's transaction with these writes in it.
    pub(super) async fn open(&self, writes: &[(&str, &str)]) -> Box<dyn Transaction> {
        self.open_with(writes, None).await.expect("no sabotage")
    }

    /// As [`Stage::open`], after which the handler does something careless; `None` when the engine offers no way to.
    pub(super) async fn open_with(
        &self,
        writes: &[(&str, &str)],
        sabotage: Option<Sabotage>,
    ) -> Option<Box<dyn Transaction>> {
        let slot = SlotOwner::new(Arc::new(self.engine()), Tenant::default(), Arc::default());
        let mut tx: Tx = slot.lend().unwrap();
        tx.open().await.unwrap();
        for (key, value) in writes {
            S::write(&mut tx, key, value).await.unwrap();
        }
        let done = match sabotage {
            Some(how) => S::sabotage(&mut tx, how).await,
            None => true,
        };
        drop(tx);
        let transaction = slot.take_back().unwrap();
        if done { transaction } else { None }
    }

    pub(super) async fn read(&self, key: &str) -> Option<String> {
        self.subject().read(key).await
    }

    /// Every dead letter.
    pub(super) async fn dead_letters(&self) -> Vec<DeadLetter> {
        self.engine().dead_letters(&DeadLetterFilter::default()).await.unwrap()
    }
}

/// Everything is kept for so long.
pub(super) fn forgettable(after: Duration) -> Retention {
    Retention {
        finished_sagas: after,
        forsaken_schedules: after,
        succeeded_runs: after,
        cancelled_runs: after,
        failed_runs: after,
    }
}

/// A trail that uses every field.
pub(super) fn trail() -> Trail {
    Trail {
        causation: Some(Uuid::now_v7()),
        actor: Some(Arc::from("jane")),
        traceparent: Some(Arc::from("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")),
        headers: BTreeMap::from([("reason".to_owned(), "a \"quoted\" one".to_owned())]),
        journey: Some(Journey::begin(Timestamp::from_micros(7))),
        death: Some(Arc::new(Death {
            endpoint: Arc::from("elsewhere"),
            code: Code::PERMANENT.to_string(),
            reason: "a \"quoted\" one".to_owned(),
            attempts: 3,
        })),
        firing: Some(Firing { schedule: Arc::from("nightly"), due_at: Some(Timestamp::from_micros(8)) }),
        ..Trail::begin(Arc::from("conformance"))
    }
}
