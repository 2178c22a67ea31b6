//! P4: crashes are counted in the store, as a transport may count them in a process that dies with them.

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{Apart, Carrier};
use crate::{
    Key, Kind, Limits, Message, Module, Msg, Result, State, Tx,
    ports::{Round, Store},
    testing::{
        Unruly,
        conformance::{
            Subject,
            stage::{LEASE, MICROSECOND},
        },
    },
};

#[derive(Serialize, Deserialize)]
struct Work {
    number: u32,
    kills: bool,
}

impl Message for Work {
    const NAME: &'static str = "case.work";
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("number", self.number)
    }
}

type Ran = mpsc::UnboundedSender<u32>;

/// Whoever runs a deadly one gets no further.
async fn work<S: Subject>(Msg(work): Msg<Work>, State(ran): State<Ran>, mut tx: Tx) -> Result {
    let _ = ran.send(work.number);
    if work.kills {
        std::future::pending::<()>().await;
    }
    S::write(&mut tx, &format!("work {}", work.number), "done").await
}

pub async fn w25_a_message_that_kills_its_process_is_set_aside_though_the_transport_forgets<S: Subject, C: Carrier>(
    apart: &mut Apart<S, C>,
) {
    const DEADLY: u32 = 1;
    let (ran, mut runs) = mpsc::unbounded_channel();
    let transport = || Unruly::new(apart.transport()).forgetting_crashes();
    let module = || Module::new("case", ran.clone()).consume("work", work::<S>);
    let mut app = apart.app(transport(), module()).await;
    for number in 0..3 {
        app.send(Work { number, kills: number == DEADLY }).await;
    }
    let mut deaths = 0;
    loop {
        let died = tokio::select! {
            biased;
            () = app.settle() => false,
            () = async { while runs.recv().await != Some(DEADLY) {} } => true,
        };
        if !died && app.dead_letters().await.len() == 1 {
            break;
        }
        deaths += u32::from(died);
        assert!(deaths < 10, "it kills one process after another");
        // The next process knows of it what the store knows.
        app.leaving_behind();
        apart.stage.wind(LEASE).await;
        app = apart.app(transport(), module()).await;
    }

    assert_eq!(deaths, 1 + Limits::default().crashes_max, "once beside others, then alone");
    let letters = app.dead_letters().await;
    let [letter] = letters.as_slice() else { unreachable!("one dead letter, not {letters:?}") };
    assert_eq!((letter.code.as_str(), letter.envelope.crashes), ("W0028", 3));
    assert_eq!(letter.envelope.key, Key::new("number", DEADLY));
    for number in [0, 2] {
        assert_eq!(apart.stage.read(&format!("work {number}")).await.as_deref(), Some("done"));
    }
    app.leaving_behind();
}

pub async fn only_what_was_never_let_go_of_was_lost<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let engine = apart.stage.engine();
    let first = Round::of(&"work".into(), &apart.stage.message("work", Work::NAME).envelope);
    let hold = async || engine.hold_alone(&first).await.unwrap();
    assert_eq!([hold().await, hold().await], [0, 1]);
    engine.let_go(std::slice::from_ref(&first)).await.unwrap();
    assert_eq!([hold().await, hold().await], [1, 2], "it was let go, then lost");

    let elsewhere = Round { endpoint: "play".into(), ..first.clone() };
    let second = Round { number: 1, ..first.clone() };
    assert_eq!(engine.hold_alone(&elsewhere).await.unwrap(), 0);
    assert_eq!(engine.hold_alone(&second).await.unwrap(), 0, "what an earlier round counted travels with the message");
    assert_eq!(engine.hold_alone(&second).await.unwrap(), 1);

    engine.let_go(&[second.clone(), elsewhere.clone()]).await.unwrap();
    let horizon = Limits::default().inbox_retention;
    apart.stage.wind(horizon).await;
    assert_eq!(engine.prune_inbox(horizon, 10).await.unwrap(), 0);
    apart.stage.wind(MICROSECOND).await;
    assert_eq!(engine.prune_inbox(horizon, 10).await.unwrap(), 1, "of the one that was never lost nothing is kept");
    assert_eq!(engine.hold_alone(&second).await.unwrap(), 0);
}
