//! APIs and workers as processes of their own.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
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

/// Through Redis, too, which may be away: then nobody can tell whether there are workers, and all else goes on.
#[test]
fn an_api_hears_of_workers_through_redis_and_says_when_that_is_away() {
    let url = std::env::var("TEST_REDIS_URL")
        .expect("TEST_REDIS_URL is not set: run `cargo xtask test`, or point it at a Redis that tests may write to");
    let orderly = Orderly::on_postgres();
    let prefix = format!("redis.prefix=test-{}", uuid::Uuid::now_v7().simple());
    let there = format!("redis.url={url}");
    let through_redis = ["--set", &there, "--set", &prefix];
    let api = Shop::open_as(&orderly, "api", &through_redis);
    let alone = api.get("", "/health").expect(200).json();
    assert_eq!(
        (&alone["checks"]["workers"]["status"], &alone["checks"]["signals"]["status"]),
        (&json!("degraded"), &json!("healthy")),
        "{alone}"
    );
    let _elsewhere = worker(&orderly, &["--set", &there, "--set", "redis.prefix=another"]);
    let still_alone = api.get("", "/health").expect(200).json();
    assert_eq!(still_alone["checks"]["workers"]["status"], "degraded", "{still_alone}");
    let _worker = worker(&orderly, &through_redis);
    let customer = api.token(User::Customer);
    let order = api.order(&customer, &json!({"items": [{"productId": 3}]}));
    assert!(api.story(&customer, order).ends_with("Delivered"));
    let ready = api.get("", "/health/ready").expect(200).json();
    assert_eq!(ready, json!({"status": "healthy", "reasons": []}));

    // Nobody listens there.
    let away = Shop::open_as(&orderly, "api", &["--set", "redis.url=redis://127.0.0.1:1"]);
    let ready = away.get("", "/health/ready").expect(200).json();
    let reasons = json!(["what carries signals does not answer (W0071)"]);
    assert_eq!((&ready["status"], &ready["reasons"]), (&json!("degraded"), &reasons), "{ready}");
    let order = away.order(&customer, &json!({"items": [{"productId": 3}]}));
    assert!(away.story(&customer, order).ends_with("Delivered"));
}

#[test]
fn an_address_of_redis_that_cannot_be_read_ends_the_start_with_one_line_that_names_it() {
    let answer = Orderly::on_sqlite().run(&["up", "--set", "redis.url=redis://:sesame@host:port"]);
    assert_ne!(answer.code, Some(0));
    let told: Vec<_> = answer.stderr.lines().filter(|line| line.contains("redis.url (REDIS_URL)")).collect();
    assert_eq!(told.len(), 1, "{answer:?}");
    assert!(!answer.stderr.contains("sesame"), "{answer:?}");
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
    let alone = json!({
        "status": "degraded",
        "reasons": ["workers: none has been heard of for 15 s, so orders wait"],
    });
    assert_eq!(ready, alone, "it takes orders, and says that nobody carries them out");

    let probes = TempDir::new().unwrap();
    let directory = format!("worker.probe_directory={}", probes.path().display());
    let mut worker = worker(orderly, &["--health-listen", "127.0.0.1:0", "--set", &directory]);
    let written = || ["live", "ready"].map(|file| probes.path().join(file).exists());
    let health = worker.wait_for_line("health");
    assert_eq!(api.story(&customer, order), "Pending → Validated → PaymentProcessing → Paid → Shipped → Delivered");
    let ready = api.get("", "/health/ready").expect(200).json();
    assert_eq!(ready, json!({"status": "healthy", "reasons": []}), "a worker was heard of");
    let told = once_healthy(&health);
    assert_eq!(told["checks"]["worker"]["status"], "healthy", "{told}");

    assert_eq!(written(), [true, true], "files tell it too");
    worker.ask_to_stop();
    worker.finish().expect_code(0);
    assert_eq!(written(), [false, false]);
    api.close().expect_code(0);
    orderly.run(&["verify"]).expect_code(0);
}

/// What a worker tells that has all its consumers: one that has just begun may carry out an order before.
fn once_healthy(health: &str) -> Value {
    let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
    let began = Instant::now();
    loop {
        let told = agent.get(health).call().unwrap().into_body().read_to_string().unwrap();
        let told: Value = serde_json::from_str(&told).unwrap();
        if told["status"] == "healthy" {
            return told;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{told}");
    }
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
