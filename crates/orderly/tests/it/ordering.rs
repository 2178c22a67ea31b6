//! What a customer and the staff of a running shop can do.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    books,
    program::Orderly,
    shop::{Shop, User},
};

#[test]
fn an_order_is_delivered_and_its_events_tell_the_story_on_sqlite() {
    an_order_is_delivered(&Orderly::on_sqlite());
}

#[test]
fn an_order_is_delivered_and_its_events_tell_the_story_on_postgresql() {
    an_order_is_delivered(&Orderly::on_postgres());
}

fn an_order_is_delivered(orderly: &Orderly) {
    let shop = Shop::open(orderly);
    let (customer, admin) = (shop.token(User::Customer), shop.token(User::Admin));
    let placed = json!({"items": [{"productId": 1, "quantity": 2, "unitPrice": 1299.98}, {"productId": 3}]});
    let reply = shop.post(&customer, "/api/orders", &placed).expect(201);
    assert_eq!(reply.header("location"), Some("/api/orders/1"));
    assert!(reply.text.contains(r#""total":2609.95,"currency":"USD""#), "{}", reply.text);

    let story = shop.story(&customer, 1);
    assert_eq!(story, "Pending → Validated → PaymentProcessing → Paid → Shipped → Delivered");
    let order = shop.get(&customer, "/api/orders/1").expect(200).json();
    assert_eq!((&order["status"], &order["phase"]), (&json!("Delivered"), &json!("completed")));

    let stock = shop.get_until(&admin, "/api/inventory?limit=1", |stock| stock["items"][0]["reserved"] == 0);
    let laptops = &stock["items"][0];
    assert_eq!((&laptops["available"], &laptops["onHand"]), (&json!(48), &json!(48)));
    assert_eq!(stock["next"], "/api/inventory?after=1&limit=1");
    let products = shop.get(&customer, "/api/products").expect(200).text;
    assert!(products.contains(r#""name":"Laptop Pro","price":1299.99,"currency":"USD","available":48"#), "{products}");
    shop.get_until(&customer, "/api/notifications", |told| {
        let kinds: Vec<_> = told["items"].as_array().unwrap().iter().map(|told| &told["type"]).collect();
        ["OrderCompleted", "OrderShipped", "OrderDelivered"].iter().all(|kind| kinds.contains(&&json!(kind)))
    });

    assert_eq!(shop.close().expect_code(0).stderr, "");
    orderly.run(&["verify"]).expect_code(0);
}

#[test]
fn an_order_that_is_not_paid_can_be_cancelled_and_one_that_is_delivered_cannot_on_sqlite() {
    an_order_is_cancelled(&Orderly::on_sqlite());
}

#[test]
fn an_order_that_is_not_paid_can_be_cancelled_and_one_that_is_delivered_cannot_on_postgresql() {
    an_order_is_cancelled(&Orderly::on_postgres());
}

fn an_order_is_cancelled(orderly: &Orderly) {
    let undecided = ["--set", "payments.approval_rate=0", "--set", "payments.pending_rate=1"];
    let shop = Shop::open_with(orderly, &undecided);
    let customer = shop.token(User::Customer);
    let order = shop.order(&customer, &json!({"productId": 2, "unitPrice": 29.99}));
    let path = format!("/api/orders/{order}/cancel");
    let reply = shop.post(&customer, &path, &json!({"reference": "credit note 7"})).expect(202);
    assert_eq!(reply.header("location"), Some(format!("/api/orders/{order}/events").as_str()));
    assert!(shop.story(&customer, order).ends_with(" → Cancelled"));
    assert_eq!(shop.post(&customer, &path, &json!({})).expect(200).json()["cancelReason"], "customer");
    shop.close().expect_code(0);

    let shop = Shop::open(orderly);
    let customer = shop.token(User::Customer);
    let order = shop.order(&customer, &json!({"productId": 2, "unitPrice": 29.99}));
    assert!(shop.story(&customer, order).ends_with(" → Delivered"));
    let late =
        shop.send(ureq::http::Request::post(shop.address(&format!("/api/orders/{order}/cancel"))), &customer, "");
    assert_eq!(late.expect(409).json()["type"], "urn:orderly:problem:no-longer-cancellable");
    shop.close().expect_code(0);
    orderly.run(&["verify"]).expect_code(0);
}

#[test]
fn o35_a_paid_order_can_be_cancelled_until_a_carrier_has_it_on_sqlite() {
    a_paid_order_is_cancelled(&Orderly::on_sqlite());
}

#[test]
fn o35_a_paid_order_can_be_cancelled_until_a_carrier_has_it_on_postgresql() {
    a_paid_order_is_cancelled(&Orderly::on_postgres());
}

fn a_paid_order_is_cancelled(orderly: &Orderly) {
    let shop = Shop::open_with(
        orderly,
        &[
            "--set",
            "payments.seed=2",
            "--set",
            "payments.approval_rate=1",
            "--set",
            "payments.pending_rate=0",
            "--set",
            "carrier.silence_rate=1",
        ],
    );
    let customer = shop.token(User::Customer);
    let order = shop.order(&customer, &json!({"productId": 2, "unitPrice": 29.99}));
    let path = format!("/api/orders/{order}");
    shop.get_until(&customer, &path, |order| order["status"] == "Paid");
    shop.post(&customer, &format!("{path}/cancel"), &json!({})).expect(202);
    assert!(shop.story(&customer, order).ends_with(" → Paid → Cancelled"));
    assert_eq!(
        shop.post(&customer, &format!("{path}/cancel"), &json!({})).expect(200).json()["cancelReason"],
        "customer"
    );
    shop.close().expect_code(0);
    orderly.run(&["verify"]).expect_code(0);
}

#[test]
fn a_customer_sees_only_what_is_its_own_and_staff_see_all() {
    let orderly = Orderly::on_sqlite();
    let shop = Shop::open(&orderly);
    let (customer, admin) = (shop.token(User::Customer), shop.token(User::Admin));
    let wanted = json!({"productId": 3, "unitPrice": 9.99});
    let (theirs, ours) = (shop.order(&customer, &wanted), shop.order(&admin, &wanted));
    let numbers = |token: &str, query: &str| -> Vec<i64> {
        let page = shop.get(token, &format!("/api/orders{query}")).expect(200).json();
        page["items"].as_array().unwrap().iter().map(|order| order["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(numbers(&customer, ""), [theirs]);
    assert_eq!(numbers(&admin, ""), [ours, theirs]);
    assert_eq!(numbers(&admin, "?limit=1"), [ours]);
    assert_eq!(numbers(&admin, &format!("?limit=1&before={ours}")), [theirs]);
    assert_eq!(numbers(&admin, "?status=Expired"), [0; 0]);
    for path in ["", "/events"] {
        shop.get(&customer, &format!("/api/orders/{ours}{path}")).expect(404);
        shop.get(&admin, &format!("/api/orders/{theirs}{path}")).expect(200);
    }
    shop.post(&customer, &format!("/api/orders/{ours}/cancel"), &json!({})).expect(404);
}

#[test]
fn one_reference_makes_one_order_and_belongs_to_who_placed_it() {
    let orderly = Orderly::on_sqlite();
    let shop = Shop::open(&orderly);
    let (customer, admin) = (shop.token(User::Customer), shop.token(User::Admin));
    let wanted = json!({"productId": 3, "unitPrice": 9.99, "reference": "basket 12"});
    let first = shop.order(&customer, &wanted);
    let again = shop.post(&customer, "/api/orders", &wanted).expect(200);
    assert_eq!(again.json()["id"], first);
    let other = shop.post(&admin, "/api/orders", &wanted).expect(409);
    assert_eq!(other.json()["type"], "urn:orderly:problem:reference-taken");
}

#[test]
fn what_a_customer_believes_about_prices_is_only_believed_where_it_is_configured() {
    let orderly = Orderly::on_sqlite();
    let shop = Shop::open_with(&orderly, &["--set", "pricing.trust_client=false"]);
    let customer = shop.token(User::Customer);
    let cheap = json!({"items": [{"productId": 1, "unitPrice": 1.00}, {"productId": 2}]});
    let reply = shop.post(&customer, "/api/orders", &cheap).expect(409);
    assert_snapshot!(format!("{:#}", reply.json()), @r#"
    {
      "detail": "Look at the prices again, then place the order with them.",
      "errors": [
        {
          "code": "price-changed",
          "field": "items[0].unitPrice",
          "message": "The price of product 1 is 1299.99 USD."
        }
      ],
      "status": 409,
      "title": "Prices have changed",
      "type": "urn:orderly:problem:price-changed"
    }
    "#);
    let order = shop.post(&customer, "/api/orders", &json!({"items": [{"productId": 2}]})).expect(201);
    assert!(order.text.contains(r#""unitPrice":29.99"#));
}

#[test]
fn health_tells_what_lives_and_every_answer_carries_a_correlation_id() {
    let orderly = Orderly::on_sqlite();
    let shop = Shop::open(&orderly);
    let id = "018f4e9c-7a10-7e4b-9b62-3f0f3a1c9d11";
    let request = ureq::http::Request::get(shop.address("/health/live")).header("x-correlation-id", id);
    assert_eq!(shop.send(request, "", "").expect(200).header("x-correlation-id"), Some(id));
    // A delivered order proves that every endpoint on its way has looked for work.
    let customer = shop.token(User::Customer);
    let order = shop.order(&customer, &json!({"productId": 3, "unitPrice": 9.99}));
    shop.story(&customer, order);
    assert_eq!(shop.get("", "/health/ready").expect(200).json(), json!({"status": "healthy", "reasons": []}));
    let health = shop.get("", "/health").expect(200).json();
    for check in
        ["database", "order-saga", "payment", "shipping", "wharf.timers", "orders", "payment-provider", "carrier"]
    {
        assert_eq!(health["checks"][check]["status"], "healthy", "{health:#}");
    }
}

#[test]
fn a_carrier_that_does_not_answer_is_told_and_makes_nobody_unready() {
    let orderly = Orderly::on_sqlite();
    let settings =
        ["carrier.silence_rate=1", "payments.approval_rate=1", "payments.pending_rate=0", "payments.delay=0s"];
    let settings: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let shop = Shop::open_with(&orderly, &settings);
    let customer = shop.token(User::Customer);
    for _ in 0..5 {
        shop.order(&customer, &json!({"productId": 3, "unitPrice": 9.99}));
    }
    let is_told = |health: &Value| health["checks"]["carrier"]["status"] == "degraded";
    shop.get_until("", "/health", is_told);
    let reason = "carrier: it has not answered of late; shipments are tried again";
    let ready = shop.get("", "/health/ready").expect(200).json();
    assert_eq!(ready, json!({"status": "degraded", "reasons": [reason]}));
}

#[test]
fn an_order_that_a_person_has_to_see_to_says_why_and_since_when_and_health_counts_it() {
    let orderly = Orderly::on_sqlite();
    let shop = Shop::open(&orderly);
    let customer = shop.token(User::Customer);
    let order = shop.order(&customer, &json!({"productId": 3, "unitPrice": 9.99}));
    shop.story(&customer, order);
    let path = format!("/api/orders/{order}");
    assert_eq!(shop.get(&customer, &path).expect(200).json()["attention"], json!(null));
    books::write_into(
        &orderly.data().join("orderly.db"),
        "UPDATE orders SET attention = 'the parcel is lost', attention_since = 1790000000000000",
    );
    let attention = json!({"reason": "the parcel is lost", "since": "2026-09-21T14:13:20Z"});
    assert_eq!(shop.get(&customer, &path).expect(200).json()["attention"], attention);
    let ready = shop.get("", "/health/ready").expect(200).json();
    assert_eq!(ready, json!({"status": "degraded", "reasons": ["orders: stalled are 1 needs-attention"]}));
}
