//! What the staff of a running shop's warehouse can do, and what they are told.

use insta::{allow_duplicates, assert_snapshot};
use serde_json::{Value, json};

use crate::{
    mistakes::told,
    program::Orderly,
    shop::{Shop, User},
};

/// No payment is ever decided, so that what is held stays held.
const UNDECIDED: [&str; 4] = ["--set", "payments.approval_rate=0", "--set", "payments.pending_rate=1"];

/// Available, reserved and reorder level of a product.
fn level(stock: &Value) -> (i64, i64, i64) {
    let units = |name: &str| stock[name].as_i64().unwrap();
    (units("available"), units("reserved"), units("reorderLevel"))
}

/// Kind, units and reference of what moved of a product, newest first.
fn moved(shop: &Shop, token: &str, product: i64) -> Vec<String> {
    let movements = shop.get(token, &format!("/api/inventory/{product}/movements")).expect(200).json();
    let movements = movements["items"].as_array().unwrap().iter();
    movements.map(|moved| format!("{} {} {}", moved["kind"], moved["units"], moved["reference"])).collect()
}

#[test]
fn staff_count_and_receive_stock_and_every_movement_is_kept_on_sqlite() {
    staff_count_and_receive(&Orderly::on_sqlite());
}

#[test]
fn staff_count_and_receive_stock_and_every_movement_is_kept_on_postgresql() {
    staff_count_and_receive(&Orderly::on_postgres());
}

fn staff_count_and_receive(orderly: &Orderly) {
    let shop = Shop::open_with(orderly, &UNDECIDED);
    let (customer, admin) = (shop.token(User::Customer), shop.token(User::Admin));
    shop.order(&customer, &json!({"items": [{"productId": 1, "quantity": 2}]}));
    shop.get_until(&admin, "/api/inventory/1", |laptops| level(laptops) == (48, 2, 0));

    let counted = json!({"onHand": 45, "reorderLevel": 10, "reference": "COUNT-1"});
    for _ in 0..2 {
        let laptops = shop.put(&admin, "/api/inventory/1", &counted).expect(200).json();
        assert_eq!(level(&laptops), (43, 2, 10), "counted twice it is the same");
    }
    let brought = json!({"units": 20, "reference": "DN-1"});
    let laptops = shop.post(&admin, "/api/inventory/1/receipts", &brought).expect(201).json();
    assert_eq!(level(&laptops), (63, 2, 10));
    let again = shop.post(&admin, "/api/inventory/1/receipts", &brought).expect(200).json();
    assert_eq!(level(&again), (63, 2, 10), "received once");
    assert_eq!(
        moved(&shop, &admin, 1),
        [r#""received" 20 "DN-1""#, r#""adjusted" -5 "COUNT-1""#, r#""received" 50 null"#]
    );
    let last = shop.get(&admin, "/api/inventory/1/movements?limit=1").expect(200).json();
    let rest = shop.get(&admin, last["next"].as_str().unwrap()).expect(200).json();
    assert_eq!(
        (&rest["items"][0]["units"], &rest["next"]),
        (&json!(-5), &json!("/api/inventory/1/movements?before=4&limit=1"))
    );
    assert_eq!(shop.close().expect_code(0).stderr, "");
    orderly.run(&["verify"]).expect_code(0);
}

#[test]
fn o48_stock_is_not_counted_below_what_is_reserved_on_sqlite() {
    o48_stock_is_not_counted_below_what_is_reserved(&Orderly::on_sqlite());
}

#[test]
fn o48_stock_is_not_counted_below_what_is_reserved_on_postgresql() {
    o48_stock_is_not_counted_below_what_is_reserved(&Orderly::on_postgres());
}

fn o48_stock_is_not_counted_below_what_is_reserved(orderly: &Orderly) {
    let shop = Shop::open_with(orderly, &UNDECIDED);
    let (customer, admin) = (shop.token(User::Customer), shop.token(User::Admin));
    shop.order(&customer, &json!({"items": [{"productId": 2, "quantity": 7}]}));
    shop.get_until(&admin, "/api/inventory/2", |mice| level(mice) == (193, 7, 0));
    let refused = shop.put(&admin, "/api/inventory/2", &json!({"onHand": 6})).expect(409);
    allow_duplicates! {
        assert_snapshot!(told(&refused), @r"
        409 below-reserved: Cancel orders first, or count again.
          onHand below-reserved: 7 units are held for orders, more than 6.
        ");
    }
    assert_eq!(level(&shop.get(&admin, "/api/inventory/2").expect(200).json()), (193, 7, 0));
    let mice = shop.put(&admin, "/api/inventory/2", &json!({"onHand": 7})).expect(200).json();
    assert_eq!(level(&mice), (0, 7, 0));
    shop.close().expect_code(0);
    orderly.run(&["verify"]).expect_code(0);
}

#[test]
fn what_runs_low_is_told_once_listed_and_brought_to_mind_again() {
    let orderly = Orderly::on_sqlite();
    let often = ["--set", "inventory.monitoring_interval_seconds=1", "--set", "log=warn,orderly_inventory=info"];
    let mut shop = Shop::open_with(&orderly, &often);
    let (customer, admin) = (shop.token(User::Customer), shop.token(User::Admin));
    shop.put(&admin, "/api/inventory/1", &json!({"reorderLevel": 48})).expect(200);
    assert_eq!(shop.get(&admin, "/api/inventory?low=true").expect(200).json(), json!({"items": [], "next": null}));
    for quantity in [2, 1] {
        let order = shop.order(&customer, &json!({"items": [{"productId": 1, "quantity": quantity}]}));
        assert!(shop.story(&customer, order).ends_with(" → Delivered"));
    }
    let low = shop.get(&admin, "/api/inventory?low=true").expect(200).json();
    let low = low["items"].as_array().unwrap();
    assert_eq!((low.len(), &low[0]["productId"], &low[0]["isLow"]), (1, &json!(1), &json!(true)));
    shop.running.wait_for_log("1 (47 left, level 48)");
    let said = shop.close().expect_code(0).stderr;
    assert_eq!(said.matches("stock has run low").count(), 1, "{said}");
    assert!(said.contains("stock has run low product=1 available=48 reorder_level=48"), "{said}");
    orderly.run(&["verify"]).expect_code(0);
}

#[test]
fn staff_are_told_each_thing_that_is_wrong_with_a_change_of_stock() {
    let orderly = Orderly::on_sqlite();
    let shop = Shop::open(&orderly);
    let (customer, admin) = (shop.token(User::Customer), shop.token(User::Admin));
    let adjust = |body: Value| shop.put(&admin, "/api/inventory/1", &body);
    let receive = |body: Value| shop.post(&admin, "/api/inventory/1/receipts", &body);
    receive(json!({"units": 20, "reference": "DN-1"})).expect(201);
    let replies = [
        adjust(json!({})),
        adjust(json!({"reference": ""})),
        adjust(json!({"onHand": -1, "reorderLevel": -2})),
        adjust(json!({"onHand": "many"})),
        receive(json!({})),
        receive(json!({"units": 0})),
        receive(json!({"units": i64::MAX})),
        receive(json!({"units": 30, "reference": "DN-1"})),
        shop.put(&admin, "/api/inventory/404", &json!({"onHand": 1})),
        shop.post(&admin, "/api/inventory/404/receipts", &json!({"units": 1})),
        shop.get(&admin, "/api/inventory/404"),
        shop.get(&admin, "/api/inventory/mug/movements"),
        shop.get(&admin, "/api/inventory?low=maybe"),
        shop.get(&customer, "/api/inventory/1"),
        shop.get(&customer, "/api/inventory/1/movements"),
        shop.put(&customer, "/api/inventory/1", &json!({"onHand": 1})),
        shop.post(&customer, "/api/inventory/1/receipts", &json!({"units": 1})),
    ];
    assert_snapshot!(replies.iter().map(told).collect::<String>(), @r#"
    422 invalid-request: The stock cannot be changed like this.
      onHand nothing-to-change: Say what is on hand, the reorder level, or both.
    422 invalid-request: The stock cannot be changed like this.
      reference reference-length: A reference has 1 to 100 characters, not 0.
      onHand nothing-to-change: Say what is on hand, the reorder level, or both.
    422 invalid-request: The stock cannot be changed like this.
      onHand negative: There are never fewer than 0 units.
      reorderLevel negative: There are never fewer than 0 units.
    400 malformed-body: A field is not what is expected there.
      onHand wrong-shape: invalid type: string "many", expected i64 at line 1 column 16
    400 malformed-body: The body is not what is expected here: missing field `units` at line 1 column 2.
    422 invalid-request: The stock cannot be changed like this.
      units not-positive: At least 1 unit moves, not 0.
    422 invalid-request: The stock cannot be changed like this.
      units too-many-units: These are more units than can be counted.
    409 reference-taken: 20 units were received under this reference before; choose another.
    404 unknown-product: There is no stock of a product 404.
    404 unknown-product: There is no stock of a product 404.
    404 unknown-product: There is no stock of a product 404.
    404 unknown-product: There is no stock of a product mug.
    400 invalid-query: A parameter of the query is not allowed.
      low not-allowed: This is not what is expected: provided string was not `true` or `false`.
    403 forbidden: Only admins and staff may see this.
    403 forbidden: Only admins and staff may see this.
    403 forbidden: Only admins and staff may see this.
    403 forbidden: Only admins and staff may see this.
    "#);
    assert_eq!(level(&shop.get(&admin, "/api/inventory/1").expect(200).json()), (70, 0, 0));
}
