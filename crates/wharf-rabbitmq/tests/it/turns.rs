//! Endpoints that take the messages of a key one at a time: one process at a time is handed their messages.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::{Notify, mpsc};
use wharf::{
    Kind, Memory, Module, Msg, Result, State, Tenant, Tx, Worker,
    ports::{Claim, Outcome, Settlement, Subscription, Transport, Turns},
    testing::ManualClock,
};
use wharf_rabbitmq::RabbitMq;

use crate::{
    broker,
    leases::message,
    proxy::Proxy,
    work::{Work, count, counted},
};

const LEASE: Duration = Duration::from_secs(30);

async fn connect_in_turns(prefix: &str) -> RabbitMq {
    let transport = broker::options(prefix).connect().await.unwrap();
    let (message, endpoint) = ("test.told".into(), "hear".into());
    transport.know(&[Subscription { message, endpoint, kind: Kind::Event, takes_turns: true }]);
    transport
}

#[tokio::test]
async fn one_process_at_a_time_is_handed_messages_and_the_next_has_all_that_were_left() {
    let prefix = broker::prefix();
    let (first, second) = (connect_in_turns(&prefix).await, connect_in_turns(&prefix).await);
    let claim = Claim::new("hear", 10, LEASE).turns(Turns::OneAtATime);
    assert!(first.claim(&claim).await.unwrap().deliveries.is_empty());
    assert!(second.claim(&claim).await.unwrap().deliveries.is_empty());
    second.send(&[message("a"), message("a"), message("b"), message("c")]).await.unwrap();

    let held = first.claim(&claim).await.unwrap().deliveries;
    assert_eq!(held.len(), 3, "one of each key");
    assert!(second.claim(&claim).await.unwrap().deliveries.is_empty());
    let done = |lease| Settlement::new(lease, Outcome::Done);
    assert_eq!(first.settle(&[done(held[2].lease)]).await.unwrap(), [true]);
    first.close().await;
    assert_eq!(first.settle(&[done(held[1].lease)]).await.unwrap(), [false]);

    let mut left = Vec::new();
    while left.len() < 3 {
        for delivery in second.claim(&claim).await.unwrap().deliveries {
            left.push(delivery.envelope.key.to_string());
            assert_eq!(second.settle(&[done(delivery.lease)]).await.unwrap(), [true]);
        }
    }
    assert_eq!(left, ["about:a", "about:a", "about:b"]);
    second.remove().await.unwrap();
}

#[derive(Clone)]
struct Test {
    worker: usize,
    memory: Memory,
    /// Keys that are being handled.
    busy: Arc<Mutex<HashSet<u32>>>,
    /// Keys of which two were.
    twice: Arc<Mutex<HashSet<u32>>>,
    told: mpsc::UnboundedSender<(usize, u32)>,
}

struct Busy(Test, u32);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.lock().unwrap().remove(&self.1);
    }
}

async fn work(Msg(work): Msg<Work>, State(test): State<Test>, mut tx: Tx) -> Result {
    if !test.busy.lock().unwrap().insert(work.key) {
        test.twice.lock().unwrap().insert(work.key);
    }
    let _busy = Busy(test.clone(), work.key);
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    count(&mut tx, &test.memory, work.number).await?;
    test.told.send((test.worker, work.number)).unwrap();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_one_key_never_two_are_handled_at_once_though_the_worker_whose_turn_it_is_is_killed() {
    const MESSAGES: u32 = 120;
    let (prefix, memory) = (broker::prefix(), Memory::new());
    let (told, mut hears) = mpsc::unbounded_channel();
    let (busy, twice) = (Arc::default(), Arc::<Mutex<HashSet<u32>>>::default());
    let (mut kills, mut workers, mut clients) = (Vec::new(), Vec::new(), Vec::new());
    for worker in 0..2 {
        let transport = broker::options(&prefix).connect().await.unwrap();
        let (busy, twice) = (Arc::clone(&busy), Arc::clone(&twice));
        let test = Test { worker, memory: memory.clone(), busy, twice, told: told.clone() };
        let module =
            Module::new("test", test).endpoint("work", |e| e.one_at_a_time().concurrency(8).consume("work", work));
        let worker = Worker::new(memory.clone()).via(transport.clone()).module(module).ready().await.unwrap();
        clients.push(worker.client("a test"));
        let kill = Arc::new(Notify::new());
        let killed = Arc::clone(&kill);
        workers.push(tokio::spawn(async move {
            worker.run_until_or_abort(std::future::pending(), killed.notified()).await;
            transport
        }));
        kills.push(kill);
    }
    for number in 0..MESSAGES {
        clients[0].publish(&Tenant::default(), Work { number, key: number % 5 }).await.unwrap();
    }
    let mut done = HashSet::new();
    let (active, number) = hears.recv().await.unwrap();
    done.insert(number);
    while done.len() < 10 {
        let (worker, number) = hears.recv().await.unwrap();
        assert_eq!(worker, active, "one process at a time");
        done.insert(number);
    }
    let mut workers: Vec<_> = workers.into_iter().map(Some).collect();
    kills[active].notify_one();
    workers[active].take().unwrap().await.unwrap().close().await;
    while done.len() < MESSAGES as usize {
        done.insert(hears.recv().await.unwrap().1);
    }
    kills[1 - active].notify_one();
    let left = workers[1 - active].take().unwrap().await.unwrap();
    for number in 0..MESSAGES {
        assert_eq!(counted(&memory, number).await, 1, "message {number}");
    }
    assert_eq!(*twice.lock().unwrap(), HashSet::new(), "keys of which two were handled at once");
    left.remove().await.unwrap();
}

struct TellsItsEnd(mpsc::UnboundedSender<&'static str>);

impl Drop for TellsItsEnd {
    fn drop(&mut self) {
        let _ = self.0.send("stopped");
    }
}

async fn hang(Msg(_): Msg<Work>, State(told): State<mpsc::UnboundedSender<&'static str>>) -> Result {
    let _end = TellsItsEnd(told.clone());
    told.send("begun").unwrap();
    std::future::pending().await
}

/// No time passes: it does not wait for its leases to be renewed.
#[tokio::test]
async fn who_is_cut_off_stops_at_once_what_another_is_handed_now() {
    let (prefix, clock) = (broker::prefix(), ManualClock::new());
    let proxy = Proxy::to(broker::address()).await;
    let options = RabbitMq::options(&broker::url_through(&proxy)).unwrap().prefix(&prefix).clock(clock.clone());
    let transport = options.connect().await.unwrap();
    let (told, mut hears) = mpsc::unbounded_channel();
    let module = Module::new("test", told).endpoint("work", |e| e.one_at_a_time().consume("work", hang));
    let worker = Worker::new(Memory::with_clock(clock)).via(transport.clone()).module(module).ready().await.unwrap();
    let client = worker.client("a test");
    let (kill, story) = (Notify::new(), async {
        client.publish(&Tenant::default(), Work::new(1)).await.unwrap();
        assert_eq!(hears.recv().await, Some("begun"));
        proxy.cut();
        assert_eq!(hears.recv().await, Some("stopped"));
    });
    let story = async {
        story.await;
        kill.notify_one();
    };
    tokio::join!(worker.run_until_or_abort(std::future::pending(), kill.notified()), story);
    transport.remove().await.unwrap();
}
