//! Messages that somebody wrote past the program, about what their tenant does not have.

use serde_json::json;

use crate::{
    program::Orderly,
    shop::{Shop, User},
};

/// Two voids of an order that there is not, one of them from somebody who leaves no name that can be read.
const FORGED: &str = "
INSERT INTO wharf.deliveries
    (not_before, sent_at, message_id, version, tenant, endpoint, name, kind, key, trail, body)
SELECT wharf.wharf_now(), wharf.wharf_now(), gen_random_uuid(), 1, 'default', 'payment', 'payments.void-requested', 'command',
       'order:1', trail, '{\"order\":99}'
FROM (VALUES ('{'), ('{\"correlation\":\"' || gen_random_uuid() || '\",\"conversation\":\"' || gen_random_uuid()
                     || '\",\"source\":\"mallory\"}')) AS trails (trail)";

#[test]
fn o46_an_admin_reads_of_forged_messages_and_nobody_else_does_on_postgresql() {
    let orderly = Orderly::on_postgres();
    let shop = Shop::open(&orderly);
    let (customer, admin) = (shop.token(User::Customer), shop.token(User::Admin));
    assert_eq!(shop.get(&admin, "/api/audit").expect(200).json(), json!({"items": [], "next": null}));
    shop.get(&customer, "/api/audit").expect(403);
    shop.order(&customer, &json!({"productId": 2, "unitPrice": 29.99}));
    orderly.run_sql(FORGED);
    let log = shop.get_until(&admin, "/api/audit", |log| log["items"].as_array().is_some_and(|items| items.len() == 2));
    let mut told: Vec<_> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| format!("{} {} {} {}", item["actor"], item["code"], item["message"], item["reason"]))
        .collect();
    told.sort();
    insta::assert_snapshot!(told.join("\n"), @r#"
    "" "W0080" "payments.void-requested" "tenant `default` has no order 99"
    "mallory" "W0080" "payments.void-requested" "tenant `default` has no order 99"
    "#);
    let page = shop.get(&admin, "/api/audit?limit=1").expect(200).json();
    assert_eq!(page["next"], "/api/audit?before=2&limit=1");
    assert!(shop.story(&customer, 1).ends_with(" → Delivered"), "who has the order is not bothered");
    shop.close().expect_code(0);
    orderly.run(&["verify"]).expect_code(0);
}
