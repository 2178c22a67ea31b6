//! A worker on a clock that stands still: whatever it does, it was woken to do.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use wharf::{Bus, Module, Msg, Result, State, Tenant, Tx, Worker};

use crate::app::{App, Said, note, said};

type Heard = mpsc::UnboundedSender<String>;

/// Answers what is said until it is said thrice.
async fn echo(Msg(message): Msg<Said>, State(heard): State<Heard>, mut tx: Tx, bus: Bus) -> Result {
    note(&mut tx, &message.text).await?;
    if message.text.len() < 3 {
        bus.publish(said(&format!("{}!", message.text)));
    }
    let _ = heard.send(message.text);
    Ok(())
}

#[tokio::test]
async fn idle_endpoints_are_woken_by_the_commit_and_not_by_polling() {
    let app = App::start().await;
    let (heard, mut hears) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let module = Module::new("echo", heard).consume("listen", echo);
    let worker = Worker::new(app.engine.clone()).module(module).ready().await.unwrap();
    let client = worker.client("test");
    let running = tokio::spawn(worker.run_until(async { drop(stopped.await) }));

    client.publish(&Tenant::default(), said("a")).await.unwrap();

    for expected in ["a", "a!", "a!!"] {
        let heard = tokio::time::timeout(Duration::from_secs(10), hears.recv()).await.expect("nobody was woken");
        assert_eq!(heard.unwrap(), expected);
    }
    stop.send(()).unwrap();
    running.await.unwrap();
    assert_eq!(app.notes().await, ["a", "a!", "a!!"]);
    assert_eq!(app.hear().await, [""; 0]);
    app.engine.close().await;
}
