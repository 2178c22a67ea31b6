//! Messages of clients that know nothing of wharf.

use lapin::{BasicProperties, options::BasicPublishOptions};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use uuid::Uuid;
use wharf::{DeadLetterFilter, Envelope, Key, Memory, Message, Module, Msg, Result, State, Tenant, Worker};

use crate::broker;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Measured {
    celsius: i32,
}

impl Message for Measured {
    const NAME: &'static str = "weather.measured";

    fn key(&self) -> Key {
        Key::new("celsius", self.celsius)
    }
}

type Told = mpsc::UnboundedSender<(i32, Envelope)>;

async fn note(Msg(measured): Msg<Measured>, envelope: Envelope, State(told): State<Told>) -> Result {
    told.send((measured.celsius, envelope)).unwrap();
    Ok(())
}

#[tokio::test]
async fn plain_json_of_another_client_is_handled_and_what_is_none_is_a_dead_letter() {
    let prefix = broker::prefix();
    let transport = broker::options(&prefix).connect().await.unwrap();
    let (told, mut hears) = mpsc::unbounded_channel();
    let module = Module::new("weather", told).consume("note", note);
    let worker = Worker::new(Memory::new()).via(transport.clone()).module(module).ready().await.unwrap();
    let client = worker.client("a test");

    worker
        .run_until(async {
            // What is sent by wharf itself shows that the queue stands.
            client.publish(&Tenant::default(), Measured { celsius: 21 }).await.unwrap();
            assert_eq!(hears.recv().await.unwrap().0, 21);

            let (connection, channel) = broker::raw().await;
            let publish = async |body: &[u8], properties| {
                let exchange = format!("{prefix}weather.measured").into();
                let options = BasicPublishOptions::default();
                channel.basic_publish(exchange, "".into(), options, body, properties).await.unwrap().await.unwrap();
            };
            publish(b"no json", BasicProperties::default()).await;
            let id = Uuid::now_v7();
            publish(br#"{"celsius": -3}"#, BasicProperties::default().with_message_id(id.to_string().into())).await;
            let (celsius, envelope) = hears.recv().await.unwrap();
            assert_eq!((celsius, envelope.id, &*envelope.name), (-3, id, "weather.measured"));
            assert_eq!((envelope.tenant, envelope.version), (Tenant::default(), 1));
            connection.close(200, "done".into()).await.unwrap();
        })
        .await;
    let letters = client.dead_letters(&DeadLetterFilter::default()).await.unwrap();
    assert_eq!(letters.iter().map(|letter| &*letter.body).collect::<Vec<_>>(), ["no json"]);
    transport.remove().await.unwrap();
}
