//! A corner of the broker that one test has to itself, and a raw connection to look at it past the transport.

use std::env;

use lapin::{Channel, Connection, ConnectionProperties};
use uuid::Uuid;
use wharf::testing::ManualClock;
use wharf_rabbitmq::{RabbitMq, RabbitMqOptions};

use crate::proxy::Proxy;

/// The broker that the tests were given.
pub(crate) fn url() -> String {
    env::var("TEST_RABBITMQ_URL").expect(
        "TEST_RABBITMQ_URL is not set: run `cargo xtask test`, or point it at a RabbitMQ whose user may do anything",
    )
}

/// The same broker by a way that can be cut.
pub(crate) async fn behind_proxy() -> (String, Proxy) {
    let url = url();
    let (_, address) = url.rsplit_once('@').unwrap();
    let (target, _) = address.split_once('/').unwrap();
    let proxy = Proxy::to(target.to_owned()).await;
    (url.replace(target, &format!("127.0.0.1:{}", proxy.port())), proxy)
}

/// What the names of one test's queues and exchanges begin with.
pub(crate) fn prefix() -> String {
    format!("test-{}.", Uuid::now_v7().simple())
}

pub(crate) fn options(prefix: &str) -> RabbitMqOptions {
    RabbitMq::options(&url()).unwrap().prefix(prefix)
}

/// A connection that lives by this clock.
pub(crate) async fn connect(clock: ManualClock) -> RabbitMq {
    options(&prefix()).clock(clock).connect().await.unwrap()
}

/// As any other client of the broker's.
pub(crate) async fn raw() -> (Connection, Channel) {
    let connection = Connection::connect(&url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}
