//! Rows that a foreign hand wrote into the table of deliveries, and texts that not every engine can store.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{Stage, Subject};
use crate::{Code, Key, Message, Module, Msg, Result, State, Tenant, Worker, testing::Harness};

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

pub async fn a_foreign_row_is_handled_or_dead_lettered_and_holds_up_nobody<S: Subject>(stage: &mut Stage<S>) {
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
