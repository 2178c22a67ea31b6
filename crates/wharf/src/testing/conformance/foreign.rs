//! Rows that a foreign hand wrote into the table of deliveries, and texts that not every engine can store.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{Stage, Subject, stage::LEASE};
use crate::{
    Code, DeadLetterFilter, Key, Message, Module, Msg, Result, State, Tenant, Worker, ports::Store, testing::Harness,
};

#[derive(Debug, Serialize, Deserialize)]
struct Known {
    n: String,
}

impl Message for Known {
    const NAME: &'static str = "case.known";
    fn key(&self) -> Key {
        Key::new("n", &self.n)
    }
}

async fn see(Msg(known): Msg<Known>, State(seen): State<mpsc::UnboundedSender<String>>) -> Result {
    let _ = seen.send(known.n);
    Ok(())
}

fn worker<S: Subject>(stage: &Stage<S>) -> (Worker, mpsc::UnboundedReceiver<String>) {
    let (sender, seen) = mpsc::unbounded_channel();
    (Worker::new(stage.engine()).module(Module::new("case", sender).consume("inbox", see)), seen)
}

pub async fn w26_a_foreign_row_is_handled_or_dead_lettered_and_holds_up_nobody<S: Subject>(stage: &mut Stage<S>) {
    let unreadable = [br#"{"n":"trunc"#.as_slice(), b"no json at all", b"", br#"{"m":1}"#, b"{\"n\":\"caf\xc3"];
    let mut expected = vec![("W0006".to_owned(), 0)];
    for body in unreadable {
        match stage.subject().plant("inbox", "case.known", body).await {
            Some(true) => expected.insert(0, ("W0005".to_owned(), 1)),
            Some(false) => {}
            None => return,
        }
    }
    stage.subject().plant("inbox", "case.unheard-of", b"{}").await;
    stage.subject().plant("inbox", "case.known", br#"{"n":"foreign"}"#).await;
    let (worker, mut seen) = worker(stage);
    let mut app = Harness::start(worker, stage.clock()).await;
    app.publish(Known { n: "ours".to_owned() }).await;
    app.wind(Duration::from_secs(600)).await;

    let mut handled = Vec::new();
    while let Ok(n) = seen.try_recv() {
        handled.push(n);
    }
    handled.sort_unstable();
    assert_eq!(handled, ["foreign", "ours"]);
    let mut told: Vec<_> = app.dead_letters().await.into_iter().map(|one| (one.code, one.envelope.attempt)).collect();
    told.sort_unstable();
    assert_eq!(told, expected);
    app.leaving_behind();
    assert!(stage.claim("inbox", 10).await.is_empty());
}

pub async fn a_nul_in_a_key_or_tenant_is_refused_when_it_is_sent<S: Subject>(stage: &mut Stage<S>) {
    let (worker, _seen) = worker(stage);
    let client = worker.ready().await.expect("a sound worker").client("test");
    let known = |n: &str| Known { n: n.to_owned() };

    let refused = client.publish(&Tenant::default(), known("a\0b")).await.unwrap_err();
    assert_eq!(refused.code(), Code::TEXT_UNSTORABLE);
    let refused = client.publish(&Tenant::new("acme\0"), known("ab")).await.unwrap_err();
    assert_eq!(refused.code(), Code::TEXT_UNSTORABLE);
    client.publish(&Tenant::new("acme"), known("ab")).await.unwrap();
    assert_eq!(stage.claim("inbox", 10).await.len(), 1);
}

#[derive(Debug, Serialize, Deserialize)]
struct Newer {
    n: u32,
}

impl Message for Newer {
    const NAME: &'static str = "case.newer";
    fn key(&self) -> Key {
        Key::new("case", self.n)
    }
}

async fn see_newer(Msg(newer): Msg<Newer>, State(seen): State<mpsc::UnboundedSender<String>>) -> Result {
    let _ = seen.send(format!("newer {}", newer.n));
    Ok(())
}

/// A process of a newer version died. The older one that finds what it held has never heard of such messages: it keeps
/// them for the next that knows them, first in the queue, and at last among the dead letters.
pub async fn w09_what_a_newer_process_left_behind_is_kept_for_the_next_one<S: Subject>(stage: &mut Stage<S>) {
    let (sender, mut seen) = mpsc::unbounded_channel();
    let module = Module::new("case", sender);
    let module = module.endpoint("inbox", |e| e.consume("see", see).consume("see-newer", see_newer));
    let mut newer = Harness::start(Worker::new(stage.engine()).module(module), stage.clock()).await;
    let (older, _seen) = worker(stage);
    let mut older = Harness::start(older, stage.clock()).await;

    for found_by_older in [Duration::from_secs(60), Duration::from_secs(600)] {
        stage.send("inbox", Newer::NAME).await;
        stage.claim_one("inbox").await;
        stage.wind(LEASE).await;
        older.wind(found_by_older).await;

        let given_up = found_by_older > Duration::from_secs(300);
        let letters: Vec<_> = older.dead_letters().await.into_iter().map(|one| one.code).collect();
        assert_eq!(letters, vec!["W0006"; usize::from(given_up)]);
        assert_eq!(stage.engine().redrive(&DeadLetterFilter::default()).await.unwrap(), u64::from(given_up));
        assert!(seen.try_recv().is_err());
        newer.wind(Duration::from_secs(60)).await;
        assert_eq!(seen.try_recv().as_deref(), Ok("newer 1"));
        stage.assert_idle("inbox").await;
    }
    older.finish().await;
    newer.finish().await;
}
