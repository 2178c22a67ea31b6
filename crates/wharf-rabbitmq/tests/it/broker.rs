//! A corner of the broker that one test has to itself.

use std::env;

use uuid::Uuid;
use wharf::testing::ManualClock;
use wharf_rabbitmq::{RabbitMq, RabbitMqOptions};

/// Options for queues and exchanges that no other test has.
pub(crate) fn options() -> RabbitMqOptions {
    let url = env::var("TEST_RABBITMQ_URL").expect(
        "TEST_RABBITMQ_URL is not set: run `cargo xtask test`, or point it at a RabbitMQ whose user may do anything",
    );
    RabbitMq::options(&url).unwrap().prefix(&format!("test-{}.", Uuid::now_v7().simple()))
}

/// A connection that lives by this clock.
pub(crate) async fn connect(clock: ManualClock) -> RabbitMq {
    options().clock(clock).connect().await.unwrap()
}
