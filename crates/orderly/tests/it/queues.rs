//! What stands at the broker under names that others know.

use lapin::{Connection, ConnectionProperties, options::QueueDeclareOptions, types::FieldTable};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{
    program::Orderly,
    shop::{Shop, User},
};

/// A look takes some milliseconds.
const LOOKS_MAX: usize = 2_000;

#[test]
fn the_three_queues_of_orders_and_their_error_queues_stand_at_the_broker() {
    let orderly = Orderly::on_postgres_and_rabbitmq();
    let shop = Shop::open(&orderly);
    let customer = shop.token(User::Customer);
    let order = shop.order(&customer, &json!({"items": [{"productId": 3}]}));
    shop.get_until(&customer, &format!("/api/orders/{order}"), |order| order["status"] == "Delivered");

    Runtime::new().unwrap().block_on(async {
        let (url, prefix) = orderly.broker();
        let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
        for endpoint in ["order-created-event", "order-completed-event", "order-expired-event"] {
            for queue in [format!("{prefix}{endpoint}"), format!("{prefix}{endpoint}_error")] {
                let mut looks = 0;
                loop {
                    // Asking for a queue that does not stand ends the channel.
                    let channel = connection.create_channel().await.unwrap();
                    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
                    if channel.queue_declare(queue.clone().into(), passive, FieldTable::default()).await.is_ok() {
                        break;
                    }
                    looks += 1;
                    assert!(looks < LOOKS_MAX, "`{queue}` does not stand");
                }
            }
        }
    });
    shop.close().expect_code(0);
}
