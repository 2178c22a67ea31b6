//! What a client is told that does something wrong: each kind of mistake with its status, its type and its fields.

use insta::assert_snapshot;
use serde_json::{Value, json};
use ureq::http::Request;

use crate::{
    program::Orderly,
    shop::{Reply, Shop, User},
};

/// A problem in a few lines: status, type, and each field with its code.
pub(crate) fn told(reply: &Reply) -> String {
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{reply:?}");
    let problem = reply.json();
    assert_eq!(problem["status"], reply.status);
    let kind = problem["type"].as_str().unwrap().strip_prefix("urn:orderly:problem:").unwrap();
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    let errors = errors
        .iter()
        .map(|error| format!("\n  {} {}: {}", text(error, "field"), text(error, "code"), text(error, "message")));
    format!("{} {kind}: {}{}\n", reply.status, text(&problem, "detail"), errors.collect::<String>())
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

#[test]
fn a_body_that_is_no_order_is_refused_with_each_field_that_is_wrong() {
    let orderly = Orderly::on_sqlite();
    let shop = Shop::open(&orderly);
    let token = shop.token(User::Customer);
    let orders = [
        json!({}),
        json!({"items": [{"productId": "one"}]}),
        json!({"items": [{"productId": 1, "unitPrice": 1.999}, {"productId": 1, "unitPrice": "free"}], "currency": "dollars"}),
        json!({"items": [{"productId": 1, "quantity": 0, "unitPrice": -1}, {"productId": 1}], "status": "Paid"}),
        json!({"items": [], "productId": 1, "reference": ""}),
        json!({"items": vec![json!({"productId": 1, "unitPrice": 1}); 1001]}),
        json!([1]),
    ];
    let told: String = orders.iter().map(|order| told(&shop.post(&token, "/api/orders", order))).collect();
    assert_snapshot!(told, @r#"
    422 invalid-order: Mend what `errors` names, then place the order again.
      items no-items: An order has at least one item.
    400 malformed-body: A field is not what is expected there.
      items[0].productId wrong-shape: invalid type: string "one", expected i64 at line 1 column 28
    422 invalid-order: The order cannot be read.
      currency no-currency: A currency is three capital letters, such as GBP.
      items[0].unitPrice sub-cent-price: An amount has at most two digits after the point.
      items[1].unitPrice no-amount: `free` is not a decimal amount such as 1299.99.
    422 invalid-order: Mend what `errors` names, then place the order again.
      status status-not-pending: A new order is Pending; leave the status out.
      items[0].quantity quantity-not-positive: The quantity must be at least 1, not 0.
      items[0].unitPrice price-not-positive: The price of a unit must be positive, not -1.00.
    422 invalid-order: The order cannot be read.
      reference reference-length: A reference has 1 to 100 characters, not 0.
      productId items-twice: Name either `items` or one `productId`.
    422 invalid-order: Mend what `errors` names, then place the order again.
      items too-many-items: An order has at most 1000 items.
    400 malformed-body: The body is no JSON object.
    "#);
}

#[test]
fn a_request_that_cannot_be_read_is_told_why() {
    let orderly = Orderly::on_sqlite();
    let shop = Shop::open(&orderly);
    let token = shop.token(User::Customer);
    let post = |kind: &str| Request::post(shop.address("/api/orders")).header("content-type", kind);
    let replies = [
        shop.send(post("application/json"), &token, r#"{"items": ["#),
        shop.send(post("application/json; charset=utf-8"), &token, r#"{"items": []} and more"#),
        shop.send(post("text/plain"), &token, "{}"),
        shop.send(post("application/json"), &token, &"1".repeat(256 * 1024 + 1)),
        shop.get(&token, "/api/orders?status=Lost"),
        shop.get(&token, "/api/orders?limit=201"),
        shop.get(&token, "/api/orders?limit=many"),
        shop.get(&token, "/api/orders/1/events?waitSeconds=3600"),
        shop.get(&token, "/api/orders/1"),
        shop.get(&token, "/api/orders/first"),
        shop.get(&token, "/api/nothing"),
        shop.send(Request::delete(shop.address("/api/orders")), &token, ""),
    ];
    assert_snapshot!(replies.iter().map(told).collect::<String>(), @r"
    400 malformed-body: The body is not what is expected here: EOF while parsing a list at line 1 column 11.
    400 malformed-body: The body does not end where it should: trailing characters at line 1 column 15.
    415 not-json: Send `content-type: application/json`.
    413 body-too-large: A body has at most 262144 bytes.
    400 invalid-query: A parameter of the query is not allowed.
      status not-allowed: A status is one of Pending, Validated, PaymentProcessing, Paid, Shipped, Delivered, Cancelled, Expired.
    400 invalid-query: A parameter of the query is not allowed.
      limit not-allowed: A page has 1 to 200 rows, not 201.
    400 invalid-query: A parameter of the query is not allowed.
      limit not-allowed: This is not what is expected: invalid digit found in string.
    400 invalid-query: A parameter of the query is not allowed.
      waitSeconds not-allowed: At most 25 seconds are waited, not 3600.
    404 unknown-order: There is no order 1.
    404 unknown-order: There is no order first.
    404 unknown-route: There is nothing at this address.
    405 method-not-allowed: This address answers to the methods that the Allow header names.
    ");
    assert_eq!(replies[11].header("allow"), Some("GET,HEAD,POST"));
}

#[test]
fn who_may_not_ask_is_told_what_to_do() {
    let orderly = Orderly::on_sqlite();
    let shop = Shop::open(&orderly);
    let token = shop.token(User::Customer);
    let log_in = |email: &str, password: &str| {
        shop.post("", "/api/auth/login", &json!({ "email": email, "password": password }))
    };
    let replies = [
        log_in("test@example.com", "wrong"),
        log_in("nobody@example.com", "Test123!"),
        log_in("no address", ""),
        shop.get("", "/api/orders"),
        shop.get(&format!("{token}x"), "/api/orders"),
        shop.get(&token, "/api/inventory"),
    ];
    let challenges = replies.iter().map(|reply| reply.header("www-authenticate").unwrap_or("none"));
    assert_snapshot!(challenges.collect::<Vec<_>>().join("\n"), @r#"
    Bearer
    Bearer
    Bearer
    Bearer
    Bearer error="invalid_token"
    none
    "#);
    assert_snapshot!(replies.iter().map(told).collect::<String>(), @r"
    401 log-in-refused: The e-mail address or the password is wrong.
    401 log-in-refused: The e-mail address or the password is wrong.
    401 log-in-refused: The e-mail address or the password is wrong.
    401 token-missing: Log in with POST /api/auth/login and send `authorization: Bearer TOKEN`.
    401 token-invalid: Log in with POST /api/auth/login and send the token it returns.
    403 forbidden: Only admins and staff may see this.
    ");
}
