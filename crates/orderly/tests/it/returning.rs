//! Sending back what was delivered, as the staff of a running shop take it.

use serde_json::json;

use crate::{
    program::Orderly,
    shop::{Shop, User},
};

#[test]
fn what_comes_back_is_paid_back_and_put_away_on_sqlite() {
    what_comes_back_is_paid_back_and_put_away(&Orderly::on_sqlite());
}

#[test]
fn what_comes_back_is_paid_back_and_put_away_on_postgresql() {
    what_comes_back_is_paid_back_and_put_away(&Orderly::on_postgres());
}

fn what_comes_back_is_paid_back_and_put_away(orderly: &Orderly) {
    let shop = Shop::open(orderly);
    let (customer, admin) = (shop.token(User::Customer), shop.token(User::Admin));
    let order = shop.order(&customer, &json!({"items": [{"productId": 2, "quantity": 3, "unitPrice": 29.99}]}));
    let path = format!("/api/orders/{order}");
    shop.get_until(&customer, &path, |order| order["status"] == "Delivered");
    let mice = shop.get_until(&admin, "/api/inventory/2", |mice| mice["reserved"] == 0)["available"].as_i64().unwrap();

    let items = json!([
        {"productId": 2, "quantity": 1, "fate": "restock"},
        {"productId": 2, "quantity": 1, "fate": "write-off"},
    ]);
    let wanted = json!({"reference": "RMA-1", "items": items});
    let returns = format!("{path}/returns");
    shop.post(&customer, &returns, &wanted).expect(403);
    let taken = shop.post(&admin, &returns, &wanted).expect(201);
    assert!(taken.text.contains(r#""refund":59.98"#), "{taken:?}");
    let again = shop.post(&admin, &returns, &wanted).expect(200);
    assert_eq!(again.text, taken.text);

    let item = &shop.get(&customer, &path).expect(200).json()["items"][0];
    assert_eq!((&item["shippedQuantity"], &item["returnedQuantity"]), (&json!(3), &json!(2)));
    shop.get_until(&admin, "/api/inventory/2", |stock| stock["available"] == mice + 1);
    let moved = shop.get(&admin, "/api/inventory/2/movements?limit=1").expect(200).json();
    assert_eq!((&moved["items"][0]["kind"], &moved["items"][0]["units"]), (&json!("returned"), &json!(1)));

    let other = json!({"reference": "RMA-1", "items": [{"productId": 2, "quantity": 1, "fate": "restock"}]});
    let taken = shop.post(&admin, &returns, &other).expect(409).json();
    assert_eq!(taken["type"], "urn:orderly:problem:reference-taken");
    let many = json!({"reference": "RMA-2", "items": [{"productId": 2, "quantity": 2, "fate": "restock"}]});
    let refused = shop.post(&admin, &returns, &many).expect(422).json();
    assert_eq!(refused["errors"][0]["code"], "more-than-is-left");
    shop.post(&admin, "/api/orders/404/returns", &many).expect(404);
    shop.close().expect_code(0);
    orderly.run(&["verify"]).expect_code(0);
}

#[test]
fn nothing_comes_back_of_what_is_still_on_its_way() {
    let orderly = Orderly::on_sqlite();
    let shop = Shop::open_with(&orderly, &["--set", "carrier.delivery_delay=1h"]);
    let (customer, admin) = (shop.token(User::Customer), shop.token(User::Admin));
    let order = shop.order(&customer, &json!({"productId": 2, "unitPrice": 29.99}));
    let path = format!("/api/orders/{order}");
    let shipped = shop.get_until(&customer, &path, |order| order["status"] == "Shipped");
    let item = &shipped["items"][0];
    assert_eq!((&item["shippedQuantity"], &item["returnedQuantity"]), (&json!(1), &json!(0)));
    let wanted = json!({"reference": "RMA-1", "items": [{"productId": 2, "quantity": 1, "fate": "restock"}]});
    let early = shop.post(&admin, &format!("{path}/returns"), &wanted).expect(409).json();
    assert_eq!(early["type"], "urn:orderly:problem:not-returnable");
    shop.close().expect_code(0);
}
