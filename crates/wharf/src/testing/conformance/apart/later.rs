//! P4: what is to come again later waits in the store, as the next round of its message.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{Apart, Carrier};
use crate::{
    Attempt, Failure, Key, Kind, Message, Module, Msg, Result, Retry, State, Tx,
    ports::Transport,
    snooze,
    testing::{
        Unruly,
        conformance::{Subject, stage::LEASE},
    },
};

const HOUR: Duration = Duration::from_secs(3600);

/// Fails until this attempt.
#[derive(Serialize, Deserialize)]
struct Work {
    succeeds_at: u32,
}

impl Message for Work {
    const NAME: &'static str = "case.work";
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("case", 1)
    }
}

/// Sleeps in until this moment, in microseconds.
#[derive(Serialize, Deserialize)]
struct Sleep {
    until: i64,
}

impl Message for Sleep {
    const NAME: &'static str = "case.sleep";
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("case", 2)
    }
}

/// Hears of each run which attempt it was; and knows the time.
#[derive(Clone)]
struct Watch {
    ran: mpsc::UnboundedSender<u32>,
    clock: Arc<dyn crate::Clock>,
}

async fn work<S: Subject>(Msg(work): Msg<Work>, State(watch): State<Watch>, attempt: Attempt, mut tx: Tx) -> Result {
    let _ = watch.ran.send(attempt.number);
    S::write(&mut tx, "work", &format!("attempt {}", attempt.number)).await?;
    match attempt.number < work.succeeds_at {
        true => Err(Failure::retry("not yet")),
        false => Ok(()),
    }
}

async fn sleep(Msg(sleep): Msg<Sleep>, State(watch): State<Watch>, attempt: Attempt) -> Result {
    let _ = watch.ran.send(attempt.number);
    match watch.clock.now().as_micros() < sleep.until {
        true => Err(snooze(HOUR)),
        false => Ok(()),
    }
}

impl<S: Subject, C: Carrier> Apart<S, C> {
    fn module(&self) -> (Module<Watch>, mpsc::UnboundedReceiver<u32>) {
        let (ran, runs) = mpsc::unbounded_channel();
        let watch = Watch { ran, clock: Arc::new(self.stage.clock()) };
        let hourly = Retry::fixed("hourly", [HOUR; 5]);
        let module = Module::new("case", watch)
            .endpoint("work", |e| e.retry(hourly).consume("work", work::<S>))
            .consume("sleep", sleep);
        (module, runs)
    }
}

fn all(runs: &mut mpsc::UnboundedReceiver<u32>) -> Vec<u32> {
    std::iter::from_fn(|| runs.try_recv().ok()).collect()
}

pub async fn a_delayed_retry_waits_in_the_store_and_keeps_its_count<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let (module, mut runs) = apart.module();
    let mut app = apart.app(apart.transport(), module).await;
    app.send(Work { succeeds_at: 3 }).await;
    app.settle().await;

    assert_eq!(apart.on_the_transport().await, []);
    let waiting = apart.in_the_store().await;
    assert_eq!((waiting.len(), waiting[0].endpoint.as_str(), waiting[0].delayed), (1, "outbox:work", 1));
    assert_eq!(apart.stage.read("work").await, None, "what failed was rolled back");

    app.wind(HOUR - Duration::from_micros(1)).await;
    assert_eq!(all(&mut runs), [1]);
    app.wind(HOUR + Duration::from_micros(1)).await;
    assert_eq!(all(&mut runs), [2, 3]);
    assert_eq!(apart.stage.read("work").await.as_deref(), Some("attempt 3"));
    app.finish().await;
}

pub async fn a_snooze_costs_no_attempt<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let (module, mut runs) = apart.module();
    let mut app = apart.app(apart.transport(), module).await;
    app.send(Sleep { until: (app.now() + HOUR * 3).as_micros() }).await;
    app.wind(HOUR * 4).await;
    assert_eq!(all(&mut runs), [1, 1, 1, 1]);
    app.finish().await;
}

pub async fn w22_a_delay_longer_than_the_lease_is_one_run<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let (module, mut runs) = apart.module();
    let mut app = apart.app(apart.transport(), module).await;
    app.send(Work { succeeds_at: 2 }).await;
    for _ in 0..40 {
        app.wind(LEASE).await;
    }
    assert_eq!(all(&mut runs), [1]);
    app.wind(HOUR).await;
    assert_eq!(all(&mut runs), [2]);
    app.finish().await;
}

pub async fn copies_do_not_multiply_with_retries<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let (module, mut runs) = apart.module();
    let transport = Unruly::new(apart.transport()).delivering_twice().forgetting_acknowledgements();
    let mut app = apart.app(transport, module).await;
    app.send(Work { succeeds_at: 6 }).await;
    app.wind(HOUR * 6).await;
    assert_eq!(all(&mut runs), [1, 2, 3, 4, 5, 6]);
    assert_eq!(apart.stage.read("work").await.as_deref(), Some("attempt 6"));
    app.finish().await;
}

/// As in a rolling deploy: the old version returns it, the new one handles it.
pub async fn an_unknown_message_waits_for_the_next_version<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let (module, mut runs) = apart.module();
    let mut app = apart.app(apart.transport(), module).await;
    app.send(Work { succeeds_at: 1 }).await;
    let mut row = apart.stage.claim_one("outbox:work").await;
    row.envelope.version = 2;
    row.envelope.id = uuid::Uuid::now_v7();
    let newer = crate::Outgoing::new(Arc::from("work"), row.envelope.clone(), Arc::clone(&row.body));
    apart.transport().send(&[newer]).await.unwrap();
    app.settle().await;
    assert_eq!(all(&mut runs), [0; 0]);
    assert_eq!(apart.on_the_transport().await, [], "it waits in the store");

    app.wind(Duration::from_secs(600)).await;
    assert_eq!(all(&mut runs), [1], "the one whose relay had died");
    let letters = app.dead_letters().await;
    assert_eq!(letters.iter().map(|letter| letter.code.as_str()).collect::<Vec<_>>(), ["W0006"]);
    app.leaving_behind();
}
