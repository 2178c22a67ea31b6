//! Hears what any AMQP client publishes as plain JSON: `AMQP_URL=amqp://guest:guest@localhost/%2f cargo run -p wharf-rabbitmq
//! --example listen`, and then, with Python's pika:
//!
//! ```python
//! import json, os, uuid, pika
//! connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
//! channel = connection.channel()
//! channel.confirm_delivery()
//! channel.basic_publish(
//!     exchange="weather.measured", routing_key="", body=json.dumps({"celsius": -3}),
//!     properties=pika.BasicProperties(message_id=str(uuid.uuid4()), delivery_mode=2))
//! connection.close()
//! ```
//!
//! The exchange has the message's name. The id may be left out; then nobody knows a second copy again.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "an example prints, and stops at the first error")]

use std::env;

use serde::{Deserialize, Serialize};
use wharf::{Envelope, Key, Memory, Message, Module, Msg, Result, Worker};
use wharf_rabbitmq::RabbitMq;

#[derive(Debug, Serialize, Deserialize)]
struct Measured {
    celsius: i32,
}

impl Message for Measured {
    const NAME: &'static str = "weather.measured";

    fn key(&self) -> Key {
        Key::new("celsius", self.celsius)
    }
}

async fn note(Msg(measured): Msg<Measured>, envelope: Envelope) -> Result {
    println!("{} °C, message {}", measured.celsius, envelope.id);
    Ok(())
}

#[tokio::main]
async fn main() {
    let url = env::var("AMQP_URL").expect("AMQP_URL says where RabbitMQ is");
    let broker = RabbitMq::options(&url).expect("an address").connect().await.expect("RabbitMQ lets us in");
    let module = Module::new("weather", ()).consume("weather-note", note);
    let stop = async { tokio::signal::ctrl_c().await.expect("Ctrl-C can be heard") };
    let worker = Worker::new(Memory::new()).via(broker).module(module);
    worker.run_until(stop).await.expect("nothing keeps it from starting");
}
