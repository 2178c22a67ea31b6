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
    let proxy = Proxy::to(address()).await;
    (url_through(&proxy), proxy)
}

/// Its host and port.
pub(crate) fn address() -> String {
    let url = url();
    let (_, address) = url.rsplit_once('@').unwrap();
    address.split_once('/').unwrap().0.to_owned()
}

/// The same broker by another way.
pub(crate) fn url_through(proxy: &Proxy) -> String {
    url().replace(&address(), &format!("127.0.0.1:{}", proxy.port()))
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
