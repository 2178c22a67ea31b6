//! How the program starts, stops, and refuses to start.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

use serde_json::json;

use crate::{
    program::Orderly,
    shop::{Shop, User},
};

#[test]
fn a_shop_that_is_closed_in_the_midst_of_an_order_goes_on_when_it_opens_again_on_sqlite() {
    closed_in_the_midst(&Orderly::on_sqlite());
}

#[test]
fn a_shop_that_is_closed_in_the_midst_of_an_order_goes_on_when_it_opens_again_on_postgresql() {
    closed_in_the_midst(&Orderly::on_postgres());
}

fn closed_in_the_midst(orderly: &Orderly) {
    let shop = Shop::open_with(orderly, &["--set", "payments.delay=2s"]);
    let token = shop.token(User::Customer);
    let order = shop.order(&token, &json!({"productId": 3, "unitPrice": 9.99}));
    assert_eq!(shop.close().expect_code(0).stderr, "");

    // The same token: the signing key is made once per data directory.
    let shop = Shop::open(orderly);
    let story = shop.story(&token, order);
    assert_eq!(story, "Pending → Validated → PaymentProcessing → Paid → Shipped → Delivered");
    let products = shop.get(&token, "/api/products").expect(200).json();
    assert_eq!(products["items"].as_array().unwrap().len(), 3, "the demo shop is made once");
    shop.close().expect_code(0);
    orderly.run(&["verify"]).expect_code(0);
}

#[test]
fn whoever_asks_a_second_time_need_not_wait_for_a_client_that_does_not_end() {
    let orderly = Orderly::on_sqlite();
    let mut shop = Shop::open_with(&orderly, &["--set", "log=info"]);
    let mut client = TcpStream::connect(shop.address("").trim_start_matches("http://")).unwrap();
    let head = "POST /api/auth/login HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n";
    write!(client, "{head}content-length: 100\r\nexpect: 100-continue\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100", "the shop waits for the rest");
    shop.running.ask_to_stop();
    shop.running.wait_for_log("stopping");
    shop.running.ask_to_stop();
    shop.running.finish().expect_code(1);
}

#[test]
fn a_second_program_on_one_directory_is_refused() {
    let orderly = Orderly::on_sqlite();
    let _shop = Shop::open(&orderly);
    let second = orderly.run(&["up", "--listen", "127.0.0.1:0"]).expect_code(2);
    assert!(second.stderr.contains("W0021") && second.stderr.contains("another process works on"), "{second:?}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let orderly = Orderly::on_sqlite();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let answer = orderly.run(&["up", "--listen", &address]).expect_code(2);
    assert!(answer.stderr.contains(&address) && answer.stderr.contains("--listen"), "{answer:?}");
}

#[test]
fn a_database_that_does_not_answer_stops_the_start() {
    let orderly = Orderly::on_sqlite();
    let url = "database.url=postgres://nobody:secret@127.0.0.1:1/nothing";
    let answer = orderly.run(&["up", "--listen", "127.0.0.1:0", "--set", url]).expect_code(2);
    assert!(answer.stderr.contains("W0017") && !answer.stderr.contains("secret"), "{answer:?}");
}

#[test]
fn the_configuration_is_checked_without_starting() {
    let orderly = Orderly::on_sqlite();
    orderly.run(&["check"]).expect_code(0);
    orderly.store("orderly.toml", "[payment]\ndelay = \"1s\"\n");
    let answer = orderly.run(&["check", "--profile", "staging", "--set", "orders.lines_max=many"]).expect_code(2);
    for told in ["payment.delay", "`payments.delay`", "orderly.toml", "orders.lines_max", "flag --set", "DATABASE_URL"]
    {
        assert!(answer.stderr.contains(told), "{told}: {answer:?}");
    }
    assert!(!orderly.data().exists());
    orderly.run(&["up"]).expect_code(2);
    orderly.run(&["upp"]).expect_code(2);
}

#[test]
fn migrate_brings_the_database_up_to_date_and_ends() {
    let orderly = Orderly::on_sqlite();
    for _ in 0..2 {
        orderly.run(&["migrate"]).expect_code(0);
    }
    assert!(orderly.data().join("orderly.db").exists());
}

#[test]
fn a_database_that_is_gone_is_told_to_clients_and_by_health_while_the_program_lives_on() {
    let mut orderly = Orderly::on_postgres();
    let shop = Shop::open(&orderly);
    let token = shop.token(User::Customer);
    orderly.lose_database();
    let order = json!({"productId": 3, "unitPrice": 9.99});
    for reply in [shop.get(&token, "/api/products"), shop.post(&token, "/api/orders", &order)] {
        assert_eq!(reply.json()["type"], "urn:orderly:problem:unavailable");
        assert_eq!(reply.expect(503).header("retry-after"), Some("2"));
    }
    let ready = shop.get("", "/health/ready").expect(503).json();
    assert!(ready["reasons"][0].as_str().unwrap().contains("the database does not answer"), "{ready}");
    shop.get("", "/health/live").expect(200);
}
