//! A broker that is away: orders are taken all the same, and go on once it is back.

use serde_json::json;
use tokio::runtime::Runtime;

use crate::{
    books::Books,
    program::Orderly,
    proxy::Proxy,
    shop::{Shop, User},
};

const DELIVERED: &str = "Pending → Validated → PaymentProcessing → Paid → Shipped → Delivered";

#[test]
fn o05_while_the_broker_is_away_orders_are_taken_and_they_go_on_once_it_is_back() {
    let mut orderly = Orderly::on_postgres_and_rabbitmq();
    // It carries what it is given for as long as the runtime lives.
    let runtime = Runtime::new().unwrap();
    let proxy = runtime.block_on(Proxy::to(orderly.broker_address()));
    orderly.reach_broker_at(&format!("127.0.0.1:{}", proxy.port()));
    let shop = Shop::open(&orderly);
    let customer = shop.token(User::Customer);
    let product = json!({"items": [{"productId": 3}]});
    let before = shop.order(&customer, &product);
    assert_eq!(shop.story(&customer, before), DELIVERED);

    proxy.close();
    let meanwhile = [(); 3].map(|()| shop.order(&customer, &product));
    shop.get("", "/health").expect(200);
    for order in meanwhile {
        assert_eq!(shop.get(&customer, &format!("/api/orders/{order}")).expect(200).json()["status"], "Pending");
    }

    proxy.open();
    for order in meanwhile {
        shop.get_until(&customer, &format!("/api/orders/{order}"), |order| order["status"] == "Delivered");
        assert_eq!(shop.story(&customer, order), DELIVERED);
    }
    // What is on the broker nobody sees in the database: it is let come to rest before it is proven.
    shop.get_until(&customer, "/api/notifications?limit=100", |told| told["items"].as_array().unwrap().len() == 12);
    shop.close().expect_code(0);
    orderly.run(&["verify"]).expect_code(0);
    let books = Books::read(&orderly.data());
    assert_eq!((&books.charged_twice, &books.shipped_twice), (&vec![], &vec![]));
    assert_eq!(books.paid.len(), 4);
}
