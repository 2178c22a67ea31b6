//! P5: dead letters stand in the store, and a redrive is one more round of its message.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{Apart, Carrier};
use crate::{
    Bus, DeadLetterFilter, Envelope, Failure, Key, Kind, Message, Module, Msg, Result, State, Tx,
    ports::{Ending, Round, Store},
    testing::{
        Unruly,
        conformance::{Subject, stage::LEASE},
    },
};

#[derive(Serialize, Deserialize)]
struct Work {}

impl Message for Work {
    const NAME: &'static str = "case.work";
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("case", 1)
    }
}

#[derive(Serialize, Deserialize)]
struct Worked {}

impl Message for Worked {
    const NAME: &'static str = "case.worked";
    fn key(&self) -> Key {
        Key::new("case", 1)
    }
}

type Ran = mpsc::UnboundedSender<Envelope>;

/// Fails until an operator has sent it round again.
async fn work<S: Subject>(
    Msg(_): Msg<Work>,
    State(ran): State<Ran>,
    envelope: Envelope,
    mut tx: Tx,
    bus: Bus,
) -> Result {
    let redrives = envelope.redrives;
    let _ = ran.send(envelope);
    S::write(&mut tx, "work", &format!("redrive {redrives}")).await?;
    bus.publish(Worked {});
    match redrives {
        0 => Err(Failure::dead_letter("not yet")),
        _ => Ok(()),
    }
}

async fn hear(Msg(_): Msg<Worked>, mut tx: Tx) -> Result {
    tx.open().await?;
    Ok(())
}

fn module<S: Subject>() -> (Module<Ran>, mpsc::UnboundedReceiver<Envelope>) {
    let (ran, runs) = mpsc::unbounded_channel();
    (Module::new("case", ran).consume("work", work::<S>).consume("hear", hear), runs)
}

fn redrives(runs: &mut mpsc::UnboundedReceiver<Envelope>) -> Vec<u32> {
    std::iter::from_fn(|| runs.try_recv().ok()).map(|envelope| envelope.redrives).collect()
}

pub async fn a_dead_letter_stands_in_the_store<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let (module, mut runs) = module::<S>();
    let mut app = apart.app(apart.transport(), module).await;
    app.send(Work {}).await;
    app.settle().await;

    let ran = runs.try_recv().unwrap();
    let letters = app.dead_letters().await;
    let [letter] = letters.as_slice() else { unreachable!("one dead letter, not {letters:?}") };
    assert_eq!((letter.endpoint.as_str(), letter.code.as_str(), &*letter.body), ("work", "W0004", "{}"));
    assert_eq!((letter.envelope.id, letter.envelope.attempt), (ran.id, 1));
    let round = Round::of(&std::sync::Arc::from("work"), &ran);
    assert_eq!(apart.stage.engine().endings(&[round]).await.unwrap(), [Some(Ending::DeadLettered)]);
    assert_eq!((apart.in_the_store().await, apart.on_the_transport().await), (vec![], vec![]));
    assert_eq!(apart.stage.read("work").await, None);
    app.leaving_behind();
}

pub async fn o47_redriving_twice_has_one_effect<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let (module, mut runs) = module::<S>();
    let mut app = apart.app(apart.transport(), module).await;
    app.send(Work {}).await;
    app.settle().await;

    let all = DeadLetterFilter::default();
    assert_eq!((app.redrive(&all).await, app.redrive(&all).await), (1, 0));
    app.wind(Duration::from_secs(60)).await;
    assert_eq!(app.redrive(&all).await, 0);
    app.wind(Duration::from_secs(60)).await;

    assert_eq!(redrives(&mut runs), [0, 1]);
    assert_eq!(apart.stage.read("work").await.as_deref(), Some("redrive 1"));
    let story = app.transcript();
    assert_eq!(story.matches("⇒ case.worked").count(), 1, "{story}");
    app.finish().await;
}

/// The transport never heard that the letter was dead, and delivers it once more while an operator redrives it.
pub async fn w30_a_redrive_and_a_late_copy_have_one_effect<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let (module, mut runs) = module::<S>();
    let transport = Unruly::new(apart.transport()).delivering_twice().forgetting_acknowledgements();
    let mut app = apart.app(transport, module).await;
    app.send(Work {}).await;
    app.settle().await;

    assert_eq!(app.redrive(&DeadLetterFilter::default()).await, 1);
    app.wind(LEASE * 3).await;

    assert_eq!(redrives(&mut runs), [0, 1]);
    assert_eq!(apart.stage.read("work").await.as_deref(), Some("redrive 1"));
    let story = app.transcript();
    assert_eq!(story.matches("⇒ case.worked").count(), 1, "{story}");
    assert!(story.contains("⊘ handled before"), "{story}");
    app.finish().await;
}
