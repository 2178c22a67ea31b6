//! P2: inbox rows outlive the time in which a copy may still come; what is older is not run.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{Apart, Carrier};
use crate::{
    Key, Kind, Limits, Message, Module, Msg, Outgoing, Result, State, Tenant, Tx, Worker,
    ports::{Store, Transport},
    testing::conformance::{Subject, stage::MICROSECOND},
};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Serialize, Deserialize)]
struct Work {}

impl Message for Work {
    const NAME: &'static str = "case.work";
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("case", 1)
    }
}

type Ran = mpsc::UnboundedSender<()>;

async fn work<S: Subject>(Msg(_): Msg<Work>, State(ran): State<Ran>, mut tx: Tx) -> Result {
    let _ = ran.send(());
    S::write(&mut tx, "work", "done").await
}

fn module<S: Subject>() -> (Module<Ran>, mpsc::UnboundedReceiver<()>) {
    let (ran, runs) = mpsc::unbounded_channel();
    (Module::new("case", ran).consume("work", work::<S>), runs)
}

impl<S: Subject, C: Carrier> Apart<S, C> {
    /// A message as a relay puts it on the transport now.
    fn work(&self) -> Outgoing {
        let mut message = self.stage.message("work", Work::NAME);
        message.envelope.kind = Kind::Command;
        (message.envelope.trail.journey, message.envelope.trail.death) = (None, None);
        message
    }

    /// What the worker does now and then.
    async fn prune(&self) -> u64 {
        self.stage.engine().prune_inbox(Limits::default().inbox_retention, 100).await.unwrap()
    }
}

pub async fn a_message_beyond_the_horizon_is_given_up_unrun<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let horizon = Limits::default().redelivery_horizon;
    let (module, mut runs) = module::<S>();
    apart.transport().send(&[apart.work()]).await.unwrap();
    apart.stage.wind(MICROSECOND).await;
    apart.transport().send(&[apart.work()]).await.unwrap();
    apart.stage.wind(horizon).await;

    let mut app = apart.app(apart.transport(), module).await;
    app.settle().await;

    assert!(runs.try_recv().is_ok() && runs.try_recv().is_err(), "of the two only the younger was run");
    let letters = app.dead_letters().await;
    assert_eq!(letters.iter().map(|letter| letter.code.as_str()).collect::<Vec<_>>(), ["W0040"]);

    // An operator who knows that it was not handled sends it round again.
    app.redrive(&crate::DeadLetterFilter::default()).await;
    app.settle().await;
    assert!(runs.try_recv().is_ok());
    app.finish().await;
}

pub async fn what_waited_long_in_the_outbox_is_not_too_old<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let (alone, _) = module::<S>();
    let api =
        Worker::new(apart.stage.engine()).via(apart.transport()).module(alone).ready().await.expect("a sound worker");
    api.client("api").send(&Tenant::default(), Work {}).await.unwrap();
    apart.stage.wind(DAY * 30).await;

    let (module, mut runs) = module::<S>();
    let mut app = apart.app(apart.transport(), module).await;
    app.settle().await;

    assert!(runs.try_recv().is_ok());
    app.finish().await;
}

pub async fn a_copy_is_known_for_as_long_as_it_may_come<S: Subject, C: Carrier>(apart: &mut Apart<S, C>) {
    let horizon = Limits::default().redelivery_horizon;
    let (module, mut runs) = module::<S>();
    let message = apart.work();
    apart.transport().send(std::slice::from_ref(&message)).await.unwrap();
    let mut app = apart.app(apart.transport(), module).await;
    app.settle().await;
    assert!(runs.try_recv().is_ok());

    for day in 1..=8 {
        app.wind(DAY).await;
        apart.prune().await;
        // The very copy, as a transport would deliver it again.
        apart.transport().send(std::slice::from_ref(&message)).await.unwrap();
        app.settle().await;
        assert!(runs.try_recv().is_err(), "on day {day} it was run again");
    }
    assert!(DAY * 8 > horizon);
    app.wind(MICROSECOND).await;
    assert_eq!(apart.prune().await, 1, "from here on nobody knows that it was handled");
    apart.transport().send(&[message]).await.unwrap();
    app.settle().await;
    assert!(runs.try_recv().is_err(), "what is not known and too old is not run");
    let letters = app.dead_letters().await;
    assert_eq!(letters.iter().map(|letter| letter.code.as_str()).collect::<Vec<_>>(), ["W0040"]);
    app.leaving_behind();
}
