//! A broker that is not there when a worker starts: the worker starts all the same, and works once it is.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use wharf::{Code, Key, Memory, Message, Module, Msg, Result, State, Tenant, Worker, ports::Transport};
use wharf_rabbitmq::RabbitMq;

use crate::broker;

#[derive(Debug, Serialize, Deserialize)]
struct Called {
    name: String,
}

impl Message for Called {
    const NAME: &'static str = "test.called";

    fn key(&self) -> Key {
        Key::new("name", &self.name)
    }
}

async fn hear(Msg(called): Msg<Called>, State(told): State<mpsc::UnboundedSender<String>>) -> Result {
    told.send(called.name).unwrap();
    Ok(())
}

#[tokio::test]
async fn o05_a_worker_starts_while_its_broker_is_away_and_works_once_it_is_back() {
    let (through, proxy) = broker::behind_proxy().await;
    proxy.close();
    let transport = RabbitMq::options(&through).unwrap().prefix(&broker::prefix()).connect().await.unwrap();
    let (told, mut hears) = mpsc::unbounded_channel();
    let module = Module::new("test", told).consume("hear", hear);
    let worker = Worker::new(Memory::new()).via(transport.clone()).module(module).ready().await.unwrap();
    let client = worker.client("a test");
    worker
        .run_until(async {
            client.publish(&Tenant::default(), Called { name: "early".to_owned() }).await.unwrap();
            assert_eq!(transport.depth().await.unwrap_err().code(), Code::ENGINE_UNREACHABLE);
            let waiting = client.depth().await.unwrap();
            assert_eq!(waiting.iter().map(|depth| &*depth.endpoint).collect::<Vec<_>>(), ["outbox:hear"]);

            proxy.open();
            let heard = tokio::time::timeout(Duration::from_secs(60), hears.recv()).await;
            assert_eq!(heard.unwrap().unwrap(), "early");
        })
        .await;
    transport.remove().await.unwrap();
}

#[tokio::test]
async fn a_host_that_nobody_knows_is_waited_for() {
    let transport = RabbitMq::options("amqp://guest:guest@nowhere.invalid/%2f").unwrap().connect().await.unwrap();
    let error = transport.depth().await.unwrap_err();
    assert_eq!(error.code(), Code::ENGINE_UNREACHABLE);
    assert!(error.chain().contains("cannot connect to RabbitMQ at nowhere.invalid:5672"), "{}", error.chain());
}
