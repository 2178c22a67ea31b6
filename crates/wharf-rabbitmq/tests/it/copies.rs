//! Copies of dead letters, in the queues where an operator finds them with the broker's own tools.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use lapin::{
    BasicProperties, Channel,
    message::BasicGetMessage,
    options::{BasicGetOptions, BasicPublishOptions},
    types::AMQPValue,
};
use tokio::sync::mpsc;
use wharf::{
    Client, DeadLetter, DeadLetterFilter, Envelope, Failure, Memory, Module, Msg, Result, State, Tenant, Tx, Worker,
};
use wharf_rabbitmq::RabbitMq;

use crate::{
    broker,
    proxy::Proxy,
    work::{Work, count, counted},
};

type Test = (Memory, mpsc::UnboundedSender<(u32, u32)>);

/// Fails until it is redriven; tells the number and how often it was.
async fn work(Msg(work): Msg<Work>, State((memory, told)): State<Test>, envelope: Envelope, mut tx: Tx) -> Result {
    told.send((work.number, envelope.redrives)).unwrap();
    count(&mut tx, &memory, work.number).await?;
    match envelope.redrives {
        0 => Err(Failure::dead_letter("not yet")),
        _ => Ok(()),
    }
}

struct Bench {
    prefix: String,
    memory: Memory,
    hears: mpsc::UnboundedReceiver<(u32, u32)>,
    module: Option<Module<Test>>,
}

impl Bench {
    fn new() -> Self {
        let (memory, (told, hears)) = (Memory::new(), mpsc::unbounded_channel());
        let module = Module::new("test", (memory.clone(), told)).consume("work", work);
        Self { prefix: broker::prefix(), memory, hears, module: Some(module) }
    }

    async fn worker(&mut self, transport: &RabbitMq) -> wharf::ReadyWorker {
        let module = self.module.take().unwrap();
        Worker::new(self.memory.clone()).via(transport.clone()).module(module).ready().await.unwrap()
    }

    /// The next message of a queue.
    async fn take(&self, channel: &Channel, queue: &str) -> BasicGetMessage {
        let queue = format!("{}{queue}", self.prefix);
        let take = async {
            loop {
                let options = BasicGetOptions { no_ack: true };
                if let Some(message) = channel.basic_get(queue.clone().into(), options).await.unwrap() {
                    return message;
                }
            }
        };
        let taken = tokio::time::timeout(Duration::from_secs(60), take).await;
        taken.unwrap_or_else(|_| panic!("nothing comes to `{queue}`"))
    }

    /// As any client puts a message on a queue.
    async fn put(&self, channel: &Channel, queue: &str, body: &[u8], properties: BasicProperties) {
        let queue = format!("{}{queue}", self.prefix).into();
        let put = channel.basic_publish("".into(), queue, BasicPublishOptions::default(), body, properties);
        put.await.unwrap().await.unwrap();
    }
}

fn header(message: &BasicGetMessage, name: &str) -> String {
    match message.properties.headers().as_ref().and_then(|headers| headers.inner().get(name)) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        Some(AMQPValue::LongLongInt(number)) => number.to_string(),
        other => panic!("{name} is {other:?}"),
    }
}

async fn letters(client: &Client) -> Vec<DeadLetter> {
    client.dead_letters(&DeadLetterFilter::default()).await.unwrap()
}

#[tokio::test]
async fn o11_a_poison_payload_has_a_copy_in_the_error_queue_and_others_flow() {
    let mut bench = Bench::new();
    let transport = broker::options(&bench.prefix).connect().await.unwrap();
    let worker = bench.worker(&transport).await;
    let client = worker.client("a test");
    worker
        .run_until(async {
            let work = Work::new(1);
            client.publish(&Tenant::default(), work.clone()).await.unwrap();
            assert_eq!(bench.hears.recv().await, Some((1, 0)));
            let (connection, channel) = broker::raw().await;
            let first = bench.take(&channel, "work_error").await;
            assert_eq!(first.data, serde_json::to_vec(&work).unwrap());
            assert_eq!(first.properties.delivery_mode(), &Some(2), "it outlives the broker");

            let named = || BasicProperties::default().with_type("test.work".into());
            bench.put(&channel, "work", b"\xffno json", named()).await;
            bench.put(&channel, "work", b"{}", BasicProperties::default()).await;
            let poison = bench.take(&channel, "work_error").await;
            assert_eq!(poison.data, "\u{fffd}no json".as_bytes());
            client.publish(&Tenant::default(), Work::new(2)).await.unwrap();
            assert_eq!(bench.hears.recv().await, Some((2, 0)), "others flow");
            let told = ["endpoint", "code", "attempts"].map(|what| header(&poison, &format!("wharf-dead-{what}")));
            assert_eq!(told, ["work", "W0005", "1"]);
            assert!(header(&poison, "wharf-dead-reason").contains("test.work"));
            let nameless = bench.take(&channel, "work_skipped").await;
            assert_eq!((nameless.data.as_slice(), &*header(&nameless, "wharf-dead-code")), (&b"{}"[..], "W0006"));
            connection.close(200, "done".into()).await.unwrap();
        })
        .await;
    let codes: BTreeSet<_> = letters(&client).await.into_iter().map(|letter| letter.code).collect();
    assert_eq!(codes, ["W0004", "W0005", "W0006"].map(str::to_owned).into());
    transport.remove().await.unwrap();
}

#[tokio::test]
async fn o47_a_copy_that_is_moved_back_twice_is_redriven_once() {
    let mut bench = Bench::new();
    let transport = broker::options(&bench.prefix).connect().await.unwrap();
    let worker = bench.worker(&transport).await;
    let client = worker.client("a test");
    worker
        .run_until(async {
            client.publish(&Tenant::default(), Work::new(1)).await.unwrap();
            let (connection, channel) = broker::raw().await;
            let copy = bench.take(&channel, "work_error").await;
            assert_eq!(letters(&client).await.len(), 1);
            for _ in 0..2 {
                bench.put(&channel, "work", &copy.data, copy.properties.clone()).await;
            }
            client.publish(&Tenant::default(), Work::new(2)).await.unwrap();
            // What was put on the queue before it is handled by then.
            let last = bench.take(&channel, "work_error").await;
            assert_eq!(last.data, serde_json::to_vec(&Work::new(2)).unwrap());
            connection.close(200, "done".into()).await.unwrap();
        })
        .await;
    let mut runs = BTreeMap::<(u32, u32), u32>::new();
    while let Ok(run) = bench.hears.try_recv() {
        *runs.entry(run).or_default() += 1;
    }
    assert!(runs.contains_key(&(1, 1)) && runs[&(1, 0)] == 1, "{runs:?}");
    assert_eq!(counted(&bench.memory, 1).await, 1, "two copies at once have one effect");
    let left: Vec<_> = letters(&client).await.into_iter().map(|letter| letter.envelope.key.to_string()).collect();
    assert_eq!(left, ["key:2"]);
    transport.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w24_of_dead_letters_written_while_the_link_is_cut_no_copy_is_lost() {
    const MESSAGES: u32 = 60;
    const CUTS: u32 = 4;
    let mut bench = Bench::new();
    let proxy = Proxy::to(broker::address()).await;
    let transport =
        RabbitMq::options(&broker::url_through(&proxy)).unwrap().prefix(&bench.prefix).connect().await.unwrap();
    let worker = bench.worker(&transport).await;
    let client = worker.client("a test");
    let (connection, channel) = broker::raw().await;
    let mut copies = BTreeSet::new();
    worker
        .run_until(async {
            for cut in 0..CUTS {
                for number in cut * MESSAGES / CUTS..(cut + 1) * MESSAGES / CUTS {
                    client.publish(&Tenant::default(), Work::new(number)).await.unwrap();
                }
                bench.hears.recv().await.unwrap();
                proxy.cut();
            }
            while copies.len() < MESSAGES as usize {
                let copy = bench.take(&channel, "work_error").await;
                copies.insert(copy.properties.message_id().as_ref().unwrap().to_string());
            }
        })
        .await;
    let letters = letters(&client).await;
    assert_eq!(letters.len(), MESSAGES as usize);
    assert_eq!(copies, letters.iter().map(|letter| letter.envelope.id.to_string()).collect());
    connection.close(200, "done".into()).await.unwrap();
    transport.remove().await.unwrap();
}
