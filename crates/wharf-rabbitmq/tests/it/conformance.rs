//! With RabbitMQ as its transport a store keeps the promises that it keeps with any other.

use async_trait::async_trait;
use wharf::testing::{ManualClock, conformance::apart::Carrier};
use wharf_rabbitmq::RabbitMq;

use crate::{broker, on_memory::OnMemory};

struct OnRabbitMq(RabbitMq);

#[async_trait]
impl Carrier for OnRabbitMq {
    type Transport = RabbitMq;

    async fn start(clock: ManualClock) -> Self {
        Self(broker::connect(clock).await)
    }

    fn transport(&self) -> RabbitMq {
        self.0.clone()
    }

    async fn stop(self) {
        self.0.remove().await.unwrap();
    }
}

wharf::conformance_apart!(OnMemory, OnRabbitMq);
