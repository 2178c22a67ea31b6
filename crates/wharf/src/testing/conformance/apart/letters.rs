//! P5: dead letters stand in the store, and a redrive is one more round of its message.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{Apart, Carrier};
use crate::{
    Bus, Code, DeadLetterFilter, Delivery, Envelope, Failure, Key, Kind, Message, Module, Msg, Outgoing, Result, State,
    Tx, Worker,
    ports::{Burial, Claim, Ending, Outbox, Outcome, Receipt, Round, Settlement, Store, Transport},
    testing::{
        Faulty, Harness, Unruly,
        conformance::{Subject, crash::ends_within, stage::LEASE},
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

impl<S: Subject, C: Carrier> Apart<S, C> {
    /// Takes all copies of dead letters of the endpoint `work` off the transport, as an operator does with its tools.
    async fn take_copies(&self) -> Vec<Delivery> {
        let (transport, endpoint) = (self.transport(), Unruly::<C::Transport>::copies_of("work"));
        let claim = Claim::new(&endpoint, 100, LEASE);
        let copies = transport.claim(&claim).await.unwrap().deliveries;
        let taken = copies.iter().map(|copy| {
            let (lease, outcome) = (copy.lease, Outcome::Done);
            Settlement::new(lease, outcome)
        });
        transport.settle(&taken.collect::<Vec<_>>()).await.unwrap();
        copies
    }

    /// Puts a copy back among the messages of its endpoint, as it is.
    async fn put_back(&self, copy: &Delivery) {
        let back = Outgoing::new("work".into(), copy.envelope.clone(), copy.body.clone());
        self.transport().send(&[back]).await.unwrap();
    }
}

pub async fn a_copy_that_is_put_back_twice_is_one_redrive<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let (module, mut runs) = module::<S>();
    let mut app = apart.app(Unruly::new(apart.transport()).copying_letters(), module).await;
    app.send(Work {}).await;
    app.settle().await;

    let copies = apart.take_copies().await;
    let [copy] = copies.as_slice() else { unreachable!("one copy, not {copies:?}") };
    let letter = app.dead_letters().await.remove(0);
    let death = copy.envelope.trail.death.clone().expect("it tells how it died");
    assert_eq!((&*death.endpoint, death.code.as_str(), death.attempts), ("work", "W0004", 1));
    assert_eq!((&death.reason, copy.envelope.id, &copy.body), (&letter.reason, letter.envelope.id, &letter.body));

    apart.put_back(copy).await;
    apart.put_back(copy).await;
    app.settle().await;
    assert_eq!(app.redrive(&DeadLetterFilter::default()).await, 0, "the letter is redriven already");
    apart.put_back(copy).await;
    app.wind(LEASE).await;

    assert_eq!(redrives(&mut runs), [0, 1]);
    assert_eq!(apart.stage.read("work").await.as_deref(), Some("redrive 1"));
    let story = app.transcript();
    assert_eq!(story.matches("⇒ case.worked").count(), 1, "{story}");
    app.finish().await;
}

/// Before its copy is put back, the letter is redriven from the store; and its message has died once more since.
pub async fn a_copy_of_an_earlier_death_takes_no_later_letter_away<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let engine = apart.stage.engine();
    let (module, mut runs) = module::<S>();
    let mut app = apart.app(Unruly::new(apart.transport()).copying_letters(), module).await;
    app.send(Work {}).await;
    app.settle().await;
    let copy = apart.take_copies().await.remove(0);
    assert_eq!(app.redrive(&DeadLetterFilter::default()).await, 1);
    app.settle().await;
    assert_eq!(redrives(&mut runs), [0, 1]);
    apart.put_back(&copy).await;
    app.settle().await;
    assert_eq!(redrives(&mut runs), [0; 0], "that round was redriven from the store");

    let round = Round::of(&"work".into(), &copy.envelope);
    let later = Round { number: round.number + 1, ..round.clone() };
    let mut envelope = copy.envelope.clone();
    envelope.trail.death = None;
    let mut transaction = engine.begin().await.unwrap();
    let receipt = Receipt { round: later.clone(), ending: Ending::DeadLettered };
    assert_eq!(transaction.note(&[receipt]).await.unwrap(), [true]);
    let (endpoint, redrive_to) = ("work".into(), Outbox::endpoint("work"));
    let (body, code, reason) = (copy.body.clone(), Code::HANDLER_FAILED, "again".to_owned());
    transaction.bury(&[Burial { endpoint, redrive_to, envelope, body, code, reason }]).await.unwrap();
    transaction.commit(&[]).await.unwrap();

    engine.redriven(&[round, later.clone()]).await.unwrap();
    assert_eq!(apart.stage.dead_letters().await.len(), 1, "both rounds have ended");
    assert_eq!(engine.endings(std::slice::from_ref(&later)).await.unwrap(), [Some(Ending::DeadLettered)]);
    let next = Round { number: later.number + 1, ..later.clone() };
    engine.redriven(&[next]).await.unwrap();
    assert_eq!(apart.stage.dead_letters().await, []);
    assert_eq!(engine.endings(&[later]).await.unwrap(), [Some(Ending::Again)]);
    app.finish().await;
}

/// The process dies at one await after the other while a letter is written, copied, and put back.
pub async fn w24_a_crash_at_any_await_loses_no_copy_and_redrives_once<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    const POLLS_MAX: usize = 600;
    let transport = || Faulty::new(Unruly::new(apart.transport()).copying_letters(), 0).rate(0.0).pausing();
    let (module, mut runs) = module::<S>();
    let mut heir = apart.app(transport(), module).await;
    for polls in (0..POLLS_MAX).step_by(S::CRASH_EVERY_AWAITS_APART) {
        let (module, _runs) = self::module::<S>();
        let worker = Worker::new(Faulty::new(apart.stage.engine(), 0).rate(0.0).pausing()).via(transport());
        let mut app = Harness::start(worker.module(module), apart.stage.clock()).await;
        app.send(Work {}).await;
        let ended = ends_within(polls, app.settle()).await;
        app.leaving_behind();
        heir.wind(LEASE * 20).await;

        let letters = heir.dead_letters().await;
        assert_eq!(letters.len(), 1, "after a crash at await {polls}");
        let copies = apart.take_copies().await;
        assert!(!copies.is_empty(), "after a crash at await {polls} the letter has no copy");
        for copy in &copies {
            let ids = |envelope: &Envelope| (envelope.id, envelope.trail.journey.map(|journey| journey.round));
            assert_eq!(ids(&copy.envelope), ids(&letters[0].envelope));
            apart.put_back(copy).await;
        }
        redrives(&mut runs);
        heir.wind(LEASE * 20).await;
        assert_eq!(redrives(&mut runs), [1], "after a crash at await {polls}");
        assert_eq!((heir.dead_letters().await, apart.in_the_store().await), (vec![], vec![]));
        if ended {
            assert!(polls > 20, "a story of {polls} awaits proves little");
            heir.finish().await;
            return;
        }
    }
    unreachable!("the story did not end within {POLLS_MAX} awaits");
}
