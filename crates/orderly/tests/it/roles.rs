//! APIs and workers as processes of their own.

use serde_json::{Value, json};
use ureq::Agent;

use crate::{
    books::Books,
    order_file::OrderFile,
    program::{Orderly, Running},
    replay::assert_adds_up,
    shop::{QUICK, Shop, User},
};

/// Nobody waits for the dead for long.
const SHORT_LEASE: [&str; 2] = ["--set", "worker.lease=2s"];

#[test]
fn an_api_takes_orders_while_there_is_no_worker_and_the_first_worker_carries_them_out() {
    takes_orders_alone(&Orderly::on_postgres());
}

#[test]
fn with_a_broker_an_api_takes_orders_too_while_there_is_no_worker() {
    takes_orders_alone(&Orderly::on_postgres_and_rabbitmq());
}

fn takes_orders_alone(orderly: &Orderly) {
    let api = Shop::open_as(orderly, "api", &[]);
    let customer = api.token(User::Customer);
    let order = api.order(&customer, &json!({"items": [{"productId": 3}]}));
    assert_eq!(api.get(&customer, &format!("/api/orders/{order}")).expect(200).json()["status"], "Pending");
    let ready = api.get("", "/health/ready").expect(200).json();
    assert_eq!(ready["status"], "healthy", "{ready}");

    let mut worker = worker(orderly, &["--health-listen", "127.0.0.1:0"]);
    let health = worker.wait_for_line("health");
    assert_eq!(api.story(&customer, order), "Pending → Validated → PaymentProcessing → Paid → Shipped → Delivered");
    let told = Agent::new_with_defaults().get(&health).call().unwrap().into_body().read_to_string().unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["status"], &told["checks"]["worker"]["status"]),
        (&json!("healthy"), &json!("healthy")),
        "{told}"
    );

    worker.ask_to_stop();
    worker.finish().expect_code(0);
    api.close().expect_code(0);
    orderly.run(&["verify"]).expect_code(0);
}

#[test]
fn a_replay_through_two_apis_loses_and_doubles_nothing_while_workers_are_killed_again_and_again() {
    let orderly = Orderly::on_postgres_and_rabbitmq();
    let file = OrderFile::generate(7, 80);
    let path = orderly.store_orders(&file);
    let trusting = ["--set", "orders.quantity_max=4294967295"];
    let apis = [(); 2].map(|()| Shop::open_as(&orderly, "api", &trusting));
    let addresses = apis.each_ref().map(|api| api.address("")).join(",");
    let _steady = worker(&orderly, &SHORT_LEASE);
    let mut killed = worker(&orderly, &SHORT_LEASE);

    let orders = file.orders.len() as u64;
    let mut replay =
        orderly.start(&["replay", path.to_str().unwrap(), "--json", "--concurrency", "4", "--api", &addresses]);
    for kill in 1..=4 {
        assert!(replay.wait_for_ended(orders * kill / 5), "it ended early: {:?}", replay.finish());
        killed.kill();
        killed = worker(&orderly, &SHORT_LEASE);
    }
    let report = replay.finish().expect_code(0).json();
    assert_adds_up(&report, &file);
    assert_eq!((&report["orders"], &report["dead_letters"]), (&json!(orders), &json!(0)), "{report}");
    assert_ne!(report["returned_lines"], 0, "{report}");
    orderly.run(&["verify"]).expect_code(0);
    let books = Books::read(&orderly.data());
    assert_eq!((&books.charged_twice, &books.shipped_twice, &books.returned_twice), (&vec![], &vec![], &vec![]));
    assert_eq!(report["delivered"], books.paid.len());
}

#[test]
fn staff_may_order_for_others_and_customers_may_not() {
    let orderly = Orderly::on_sqlite();
    let shop = Shop::open(&orderly);
    let (staff, customer) = (shop.token(User::Admin), shop.token(User::Customer));
    let order = json!({"items": [{"productId": 3}], "userId": 12_346});
    assert_eq!(shop.post(&staff, "/api/orders", &order).expect(201).json()["userId"], 12_346);
    assert_eq!(shop.post(&customer, "/api/orders", &order).expect(403).json()["type"], "urn:orderly:problem:forbidden");
    let nobody = json!({"items": [{"productId": 3}], "userId": -1});
    assert_eq!(shop.post(&staff, "/api/orders", &nobody).expect(422).json()["errors"][0]["field"], "userId");
}

#[test]
fn on_sqlite_there_is_one_process() {
    let orderly = Orderly::on_sqlite();
    for role in ["api", "worker"] {
        let answer = orderly.run(&[role]).expect_code(2);
        assert!(answer.stderr.contains("DATABASE_URL") && answer.stderr.contains("orderly up"), "{answer:?}");
    }
    let path = orderly.store_orders(&OrderFile::generate(1, 2));
    let path = path.to_str().unwrap();
    let answer = orderly.run(&["replay", path, "--api", "http://127.0.0.1:1"]).expect_code(2);
    assert!(answer.stderr.contains("DATABASE_URL"), "{answer:?}");
}

#[test]
fn an_address_that_is_none_is_refused() {
    let orderly = Orderly::on_postgres();
    let path = orderly.store_orders(&OrderFile::generate(1, 2));
    let answer = orderly.run(&["replay", path.to_str().unwrap(), "--api", "127.0.0.1:8080"]).expect_code(2);
    assert!(answer.stderr.contains("--api 127.0.0.1:8080") && answer.stderr.contains("http://"), "{answer:?}");
}

/// A worker that is ready.
fn worker(orderly: &Orderly, args: &[&str]) -> Running {
    let mut worker = orderly.start(&[&["worker", "--set", "log=warn"], &QUICK[..], args].concat());
    worker.wait_for_line("orderly worker is ready.");
    worker
}
