//! A database that cuts everybody off, and one that takes its time: nothing is lost, and nothing is done twice.

use serde_json::json;

use crate::{
    books::Books,
    order_file::OrderFile,
    program::Orderly,
    replay::assert_adds_up,
    shop::{Shop, User},
};

/// As after a failover, every connection is gone at once; the next finds a server that works.
#[test]
fn o43_a_database_that_cuts_everybody_off_again_and_again_loses_and_doubles_nothing() {
    let orderly = Orderly::on_postgres();
    let file = OrderFile::generate(43, 100);
    let path = orderly.store_orders(&file);
    let args = ["--payment-delay", "100ms", "--approval-rate", "0.8", "--concurrency", "4"];
    let replay = [&["replay", path.to_str().unwrap()], &args[..]].concat();
    let orders = file.orders.len() as u64;
    let mut run = orderly.start(&replay);
    for cut in 0..5 {
        // Who was placing an order when its connection broke may give up; then it is started again.
        while !run.wait_for_ended(orders * cut / 6) {
            run = orderly.start(&replay);
        }
        orderly.cut_connections();
    }
    drop(run);

    let report = orderly.replay(&path, &args).expect_code(0).json();
    assert_adds_up(&report, &file);
    orderly.run(&["verify"]).expect_code(0);
    assert_nothing_doubled(&orderly);
}

/// Two seconds for each commit that moves an order on, while the lease of a delivery is one.
#[test]
fn o44_commits_that_take_two_seconds_have_their_effects_once() {
    let orderly = Orderly::on_postgres();
    orderly.run(&["migrate"]).expect_code(0);
    orderly.run_sql(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER dawdle AFTER UPDATE ON orderly.orders
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle()",
    );
    let shop = Shop::open_with(&orderly, &["--set", "worker.lease=1s"]);
    let customer = shop.token(User::Customer);
    let orders = [1, 2, 3].map(|product| shop.order(&customer, &json!({"items": [{"productId": product}]})));
    for order in orders {
        shop.story(&customer, order);
        shop.get_until(&customer, &format!("/api/orders/{order}"), |order| order["status"] == "Delivered");
        let story = shop.story(&customer, order);
        assert_eq!(story, "Pending → Validated → PaymentProcessing → Paid → Shipped → Delivered");
    }
    shop.close().expect_code(0);
    orderly.run(&["verify"]).expect_code(0);
    assert_nothing_doubled(&orderly);
}

fn assert_nothing_doubled(orderly: &Orderly) {
    let books = Books::read(&orderly.data());
    assert_eq!((&books.charged_twice, &books.shipped_twice, &books.returned_twice), (&vec![], &vec![], &vec![]));
    assert_eq!(books.paid, books.shipped, "who paid got a parcel, and nobody else");
}
