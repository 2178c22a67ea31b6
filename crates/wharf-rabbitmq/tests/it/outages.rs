//! A broker that blocks whoever publishes, and one that is killed with a backlog: each process lives on, and nothing is
//! lost or doubled.

use std::time::Duration;

use lapin::{
    BasicProperties, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::{sync::mpsc, time::timeout};
use uuid::Uuid;
use wharf::{Client, Limits, Memory, Module, Msg, Result, State, Status, Tenant, Tx, Worker, ports::Transport};
use wharf_rabbitmq::RabbitMq;

use crate::{
    private::Private,
    work::{Work, count, counted},
};

pub(crate) const PREFETCH: u16 = 128;
const BACKLOG: u32 = 10_000;
/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(120);

type Told = mpsc::UnboundedSender<u32>;

async fn work(Msg(work): Msg<Work>, State((memory, told)): State<(Memory, Told)>, mut tx: Tx) -> Result {
    count(&mut tx, &memory, work.number).await?;
    told.send(work.number).unwrap();
    Ok(())
}

/// A worker with one endpoint, `work`, and what tells which pieces it began.
pub(crate) async fn worker(
    transport: &RabbitMq,
    limits: Limits,
) -> (wharf::ReadyWorker, Memory, mpsc::UnboundedReceiver<u32>) {
    let memory = Memory::new();
    let (told, hears) = mpsc::unbounded_channel();
    let module = Module::new("test", (memory.clone(), told)).endpoint("work", |endpoint| {
        endpoint.concurrency(usize::from(PREFETCH) / 2).prefetch(usize::from(PREFETCH)).consume("work", work)
    });
    let worker = Worker::new(memory.clone()).via(transport.clone()).limits(limits).module(module);
    (worker.ready().await.unwrap(), memory, hears)
}

/// Waits until every piece of `0..most` was begun at least once.
pub(crate) async fn hear_all(hears: &mut mpsc::UnboundedReceiver<u32>, seen: &mut [bool], most: u32) {
    let all = async {
        while seen.iter().filter(|seen| **seen).count() < most as usize {
            seen[hears.recv().await.unwrap() as usize] = true;
        }
    };
    timeout(PATIENCE, all).await.expect("everything is handled");
}

/// Waits until health says this of RabbitMQ.
async fn until_health_says(client: &Client, status: Status, words: &str) {
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    let said = async {
        loop {
            looks.tick().await;
            let health = client.health().await;
            let check = health.checks.iter().find(|check| check.name == "rabbitmq").unwrap();
            if check.status == status && check.reason.as_deref().unwrap_or_default().contains(words) {
                break;
            }
        }
    };
    timeout(PATIENCE, said).await.unwrap_or_else(|_| panic!("health never says {status:?}: {words}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o42_a_blocked_broker_keeps_nobody_from_working_and_loses_and_doubles_nothing() {
    const PIECES: u32 = 100;
    let Some(private) = Private::start().await else { return };
    let transport = RabbitMq::options(&private.url("guest")).unwrap().connect().await.unwrap();
    let mut limits = Limits::default();
    limits.relay_confirm_timeout = Duration::from_secs(2);
    let (worker, memory, mut hears) = worker(&transport, limits).await;
    let client = worker.client("a test");
    let publish = async |numbers: std::ops::Range<u32>| {
        for number in numbers {
            client.publish(&Tenant::default(), Work::new(number)).await.unwrap();
        }
    };
    worker
        .run_until(async {
            let mut seen = vec![false; PIECES as usize];
            publish(0..10).await;
            hear_all(&mut hears, &mut seen, 10).await;
            until_health_says(&client, Status::Up, "").await;

            private.control(&["set_vm_memory_high_watermark", "absolute", "1"]).await;
            publish(10..PIECES).await;
            until_health_says(&client, Status::Degraded, "RabbitMQ takes no messages in (W0066)").await;
            let waiting = client.depth().await.unwrap();
            let outbox = waiting.iter().find(|depth| depth.endpoint == "outbox:work").unwrap();
            assert!(outbox.due + outbox.delayed + outbox.held > 0, "{waiting:?}");

            private.control(&["set_vm_memory_high_watermark", "0.6"]).await;
            hear_all(&mut hears, &mut seen, PIECES).await;
            until_health_says(&client, Status::Up, "").await;
        })
        .await;
    for number in 0..PIECES {
        assert_eq!(counted(&memory, number).await, 1, "piece {number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o41_a_broker_that_is_killed_with_ten_thousand_waiting_loses_and_doubles_nothing() {
    const MORE: u32 = 100;
    let Some(mut private) = Private::start().await else { return };
    let options = RabbitMq::options(&private.url("guest")).unwrap().prefetch(PREFETCH);
    let transport = options.connect().await.unwrap();
    let (worker, memory, mut hears) = worker(&transport, Limits::default()).await;
    let client = worker.client("a test");
    // The first look declares the queue.
    transport.claim(&wharf::ports::Claim::new("work", 1, Duration::from_secs(30))).await.unwrap();
    let waiting = publish_backlog(&private.url("guest"), BACKLOG).await;
    assert!(waiting >= BACKLOG - u32::from(PREFETCH) - 1, "{waiting} wait at the broker, the others are here");

    worker
        .run_until(async {
            let mut seen = vec![false; (BACKLOG + MORE) as usize];
            hear_all(&mut hears, &mut seen, BACKLOG / 5).await;
            private.kill();
            for number in BACKLOG..BACKLOG + MORE {
                client.publish(&Tenant::default(), Work::new(number)).await.unwrap();
            }
            until_health_says(&client, Status::Degraded, "RabbitMQ is not connected").await;
            private.begin().await;
            hear_all(&mut hears, &mut seen, BACKLOG + MORE).await;
            until_health_says(&client, Status::Up, "").await;
        })
        .await;
    for number in 0..BACKLOG + MORE {
        assert_eq!(counted(&memory, number).await, 1, "piece {number}");
    }
}

/// As another client might, all at once; returns how many are ready at the broker then.
pub(crate) async fn publish_backlog(url: &str, pieces: u32) -> u32 {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let mut confirms = Vec::new();
    for number in 0..pieces {
        let id = Uuid::now_v7().to_string();
        let properties = BasicProperties::default().with_message_id(id.into()).with_type("test.work".into());
        let properties = properties.with_delivery_mode(2);
        let body = serde_json::to_vec(&Work::new(number)).unwrap();
        let options = BasicPublishOptions::default();
        confirms.push(channel.basic_publish("".into(), "work".into(), options, &body, properties).await.unwrap());
    }
    for confirm in confirms {
        confirm.await.unwrap();
    }
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
    let queue = channel.queue_declare("work".into(), passive, FieldTable::default()).await.unwrap();
    connection.close(200, "done".into()).await.unwrap();
    queue.message_count()
}
