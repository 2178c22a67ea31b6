//! P2: who consumes what outlives every process, and no command has two consumers.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Stage, Subject, sagas::id, stage::trail};
use crate::{
    Client, Code, Key, Kind, Message, Module, Msg, Result, Tenant, Worker,
    ports::{
        Declaration, Declared, Outcome, Replacement, Store, StoredSubscription, Subscription, TimerArm, TimerFiring,
    },
};

const MINUTE: Duration = Duration::from_secs(60);

fn subscription(endpoint: &str, message: &str, kind: Kind) -> Subscription {
    Subscription { message: Arc::from(message), endpoint: Arc::from(endpoint), kind, takes_turns: false }
}

fn event(endpoint: &str, message: &str) -> Subscription {
    subscription(endpoint, message, Kind::Event)
}

fn command(endpoint: &str, message: &str) -> Subscription {
    subscription(endpoint, message, Kind::Command)
}

fn of(subscriptions: impl IntoIterator<Item = Subscription>) -> Declaration {
    Declaration { subscriptions: subscriptions.into_iter().collect(), ..Declaration::default() }
}

impl<S: Subject> Stage<S> {
    /// The codes with which it was refused.
    async fn declare(&self, declaration: &Declaration) -> Vec<Code> {
        match self.engine().declare(declaration).await.unwrap() {
            Declared::Accepted => Vec::new(),
            Declared::Refused(problems) => problems.iter().map(crate::Error::code).collect(),
        }
    }

    async fn all_stored(&self) -> Vec<StoredSubscription> {
        let stored = self.engine().subscriptions().await.unwrap();
        stored.into_iter().filter(|one| one.subscription.message.starts_with("case.")).collect()
    }

    async fn subscriptions(&self) -> Vec<Subscription> {
        self.all_stored().await.into_iter().map(|stored| stored.subscription).collect()
    }
}

pub async fn what_was_declared_is_known_to_all_and_since_when<S: Subject>(stage: &mut Stage<S>) {
    let mut turns = event("one", "case.b");
    turns.takes_turns = true;
    let first = stage.now();
    assert_eq!(stage.declare(&of([turns.clone(), command("two", "case.a")])).await, []);
    stage.wind(MINUTE).await;
    assert_eq!(stage.declare(&of([event("two", "case.b"), command("two", "case.a")])).await, []);
    stage.wind(MINUTE).await;

    let stored = |subscription, declared_at, unseen_for| StoredSubscription { subscription, declared_at, unseen_for };
    let known = [
        stored(command("two", "case.a"), first, MINUTE),
        stored(turns.clone(), first, MINUTE * 2),
        stored(event("two", "case.b"), first + MINUTE, MINUTE),
    ];
    assert_eq!(stage.all_stored().await, known, "by message and endpoint, each once");
    stage.engine().confirm(&[turns]).await.unwrap();
    assert_eq!(stage.all_stored().await[1].unseen_for, Duration::ZERO);
    if stage.reopen().await {
        assert_eq!(stage.all_stored().await.len(), 3);
    }
}

pub async fn a_contradiction_is_refused_and_changes_nothing<S: Subject>(stage: &mut Stage<S>) {
    assert_eq!(stage.declare(&of([command("one", "case.work"), event("one", "case.done")])).await, []);
    let before = stage.subscriptions().await;

    let contested = of([event("other", "case.done"), command("other", "case.work")]);
    assert_eq!(stage.declare(&contested).await, [Code::COMMAND_CONTESTED]);
    let confused = of([event("other", "case.work"), command("other", "case.done")]);
    assert_eq!(stage.declare(&confused).await, [Code::KIND_CONTRADICTED, Code::KIND_CONTRADICTED]);

    assert_eq!(stage.subscriptions().await, before);
    assert_eq!(stage.declare(&of([command("one", "case.work")])).await, [], "its own consumer may start again");
}

pub async fn of_many_that_claim_a_command_at_once_one_gets_it<S: Subject>(stage: &mut Stage<S>) {
    let declaring: Vec<_> = (0..8)
        .map(|n| {
            let (engine, declaration) = (stage.engine(), of([command(&format!("endpoint {n}"), "case.work")]));
            tokio::spawn(async move { matches!(engine.declare(&declaration).await.unwrap(), Declared::Accepted) })
        })
        .collect();
    let mut accepted = 0;
    for one in declaring {
        accepted += u32::from(one.await.unwrap());
    }
    assert_eq!(accepted, 1);
    assert_eq!(stage.subscriptions().await.len(), 1);
}

pub async fn an_endpoint_may_take_anothers_place<S: Subject>(stage: &mut Stage<S>) {
    stage.declare(&of([command("old", "case.work"), event("old", "case.done"), event("old", "case.kept")])).await;
    for name in ["case.held", "case.work", "case.done", "case.kept"] {
        stage.send("old", name).await;
    }
    let held = stage.claim("old", 1).await.remove(0);
    let mut transaction = stage.engine().begin().await.unwrap();
    let timer = TimerArm {
        saga: id(1),
        name: "timeout".to_owned(),
        generation: 1,
        delay: MINUTE,
        endpoint: Arc::from("old"),
        takes_turns: false,
        trail: trail(),
    };
    transaction.arm(&timer).await.unwrap();
    transaction.commit(&[]).await.unwrap();

    let mut declaration = of([command("new", "case.work"), event("new", "case.done")]);
    let messages = ["case.held", "case.work", "case.done", TimerFiring::NAME].map(Arc::from).to_vec();
    declaration.replacements = vec![Replacement { old: Arc::from("old"), new: Arc::from("new"), messages }];
    assert_eq!(stage.declare(&declaration).await, []);

    let now = [event("new", "case.done"), event("old", "case.kept"), command("new", "case.work")];
    assert_eq!(stage.subscriptions().await, now);
    assert_eq!(stage.handle_all("new").await, ["case.work", "case.done"], "as they were sent");
    assert_eq!(stage.claim_names("old").await, ["case.kept"]);
    assert!(stage.settle(held.lease, Outcome::Done).await, "what is in work is left to who works on it");
    stage.wind(MINUTE).await;
    stage.engine().fire_timers(10).await.unwrap();
    assert_eq!(stage.handle_all("new").await, [TimerFiring::NAME]);
}

pub async fn what_waits_for_a_retired_subscription_is_not_lost<S: Subject>(stage: &mut Stage<S>) {
    stage.declare(&of([event("one", "case.done"), event("one", "case.kept"), event("two", "case.done")])).await;
    for _ in 0..4 {
        stage.send("one", "case.done").await;
    }
    stage.send("one", "case.kept").await;
    stage.send("two", "case.done").await;
    let held = stage.claim("one", 1).await.remove(0);

    assert_eq!(stage.engine().retire("one", "case.done", 2).await.unwrap(), 2);
    assert_eq!(stage.engine().retire("one", "case.done", 2).await.unwrap(), 1);
    assert_eq!(stage.engine().retire("one", "case.done", 2).await.unwrap(), 0);

    assert_eq!(stage.subscriptions().await, [event("two", "case.done"), event("one", "case.kept")]);
    let letters = stage.dead_letters().await;
    assert_eq!(letters.len(), 3);
    for letter in letters {
        let told = (letter.endpoint.as_str(), &*letter.envelope.name, letter.code.as_str());
        assert_eq!(told, ("one", "case.done", "W0034"));
        assert!(!letter.reason.is_empty());
        assert_eq!(letter.died_at, stage.now());
    }
    assert_eq!(stage.claim_names("two").await, ["case.done"]);
    assert_eq!(stage.claim_names("one").await, ["case.kept"]);
    assert!(stage.settle(held.lease, Outcome::Done).await, "what is in work is left to who works on it");
}

pub async fn what_was_retired_stays_away_though_a_worker_confirms_it<S: Subject>(stage: &mut Stage<S>) {
    stage.declare(&of([event("one", "case.done")])).await;
    stage.engine().retire("one", "case.done", 1).await.unwrap();
    stage.engine().confirm(&[event("one", "case.done")]).await.unwrap();
    assert_eq!(stage.subscriptions().await, []);
}

#[derive(Serialize, Deserialize)]
struct Opened;

impl Message for Opened {
    const NAME: &'static str = "case.opened";
    fn key(&self) -> Key {
        Key::new("door", 1)
    }
}

async fn greet(Msg(_): Msg<Opened>) -> Result {
    Ok(())
}

/// A process that has looked so often, once for every second, has heard.
const LOOKS_MAX: usize = 1_000;

/// A process that only publishes.
async fn publisher<S: Subject>(stage: &Stage<S>) -> Client {
    Worker::new(stage.engine()).ready().await.expect("a sound worker").client("publisher")
}

async fn declare_consumer<S: Subject>(stage: &Stage<S>) {
    let module = Module::new("house", ()).consume("hall", greet);
    drop(Worker::new(stage.engine()).module(module).ready().await.expect("a sound worker"));
}

pub async fn an_event_is_kept_for_a_consumer_that_has_never_run<S: Subject>(stage: &mut Stage<S>) {
    declare_consumer(stage).await;
    publisher(stage).await.publish(&Tenant::default(), Opened).await.unwrap();
    assert_eq!(stage.claim_names("hall").await, ["case.opened"]);
}

/// What was published before goes to whoever was known then, which is nobody.
pub async fn an_older_process_soon_sends_to_a_consumer_it_did_not_know<S: Subject>(stage: &mut Stage<S>) {
    let older = publisher(stage).await;
    older.publish(&Tenant::default(), Opened).await.unwrap();
    declare_consumer(stage).await;
    stage.assert_idle("hall").await;
    let mut heard = false;
    for _ in 0..LOOKS_MAX {
        stage.wind(Duration::from_secs(1)).await;
        older.publish(&Tenant::default(), Opened).await.unwrap();
        heard = !stage.claim("hall", 1).await.is_empty();
        if heard {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(heard, "the older process never heard of it");
}
