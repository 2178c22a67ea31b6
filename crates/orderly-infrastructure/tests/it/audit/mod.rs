//! The audit: it passes what is right, in every state an order can be in, and finds each thing that is wrong.

pub(crate) mod live;
mod plants;
pub(crate) mod shop;

use std::collections::BTreeSet;

use orderly_infrastructure::{
    Settings,
    audit::{IDS_PER_VIOLATION_MAX, audit},
};
use plants::PLANTS;
use shop::Shop;

use crate::stage::Engine;

#[tokio::test]
async fn orders_in_every_state_hold_every_invariant() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let shop = Shop::with_orders_in_every_state(engine).await;
        let report = audit(shop.settings()).await.unwrap();
        assert!(report.holds(), "{engine:?}\n{report}");
        assert!(report.checked.values().all(|&rows| rows > 0), "something was not looked at on {engine:?}\n{report}");
        shop.close().await;
    }
}

#[tokio::test]
async fn each_violation_is_found_and_nothing_else_on_sqlite() {
    each_violation_is_found_and_nothing_else(Engine::Sqlite).await;
}

#[tokio::test]
async fn each_violation_is_found_and_nothing_else_on_postgres() {
    each_violation_is_found_and_nothing_else(Engine::Postgres).await;
}

async fn each_violation_is_found_and_nothing_else(engine: Engine) {
    let good = Shop::with_orders_in_every_state(engine).await;
    for plant in PLANTS {
        let shop = good.copy().await;
        for table in plant.unguarded {
            shop.unguard(table).await;
        }
        shop.run(plant.shop).await;
        shop.run_in_books(plant.books).await;
        let report = audit(shop.settings()).await.unwrap();
        let found: Vec<_> =
            report.violations.iter().map(|violation| (violation.invariant, violation.ids.join(" "))).collect();
        let planted: Vec<_> = plant.breaks.iter().map(|&(invariant, ids)| (invariant, ids.to_owned())).collect();
        assert_eq!(found, planted, "{}\n{report}", plant.what);
        shop.close().await;
    }
    good.close().await;
}

#[tokio::test]
async fn there_is_no_invariant_that_was_never_seen_broken() {
    let shop = Shop::with_orders_in_every_state(Engine::Sqlite).await;
    let checked: BTreeSet<_> = audit(shop.settings()).await.unwrap().checked.into_keys().collect();
    let planted: BTreeSet<_> = PLANTS.iter().flat_map(|plant| plant.breaks).map(|&(invariant, _)| invariant).collect();
    assert_eq!(checked, planted);
    shop.close().await;
}

#[tokio::test]
async fn a_violation_lists_so_many_ids_and_says_that_there_are_more() {
    let shop = Shop::with_orders_in_every_state(Engine::Sqlite).await;
    shop.run(
        "INSERT INTO stock (tenant, product_id, available, updated_at)
         WITH RECURSIVE product(id) AS (SELECT 1000 UNION ALL SELECT id + 1 FROM product WHERE id < 1200)
         SELECT 'acme', id, 5, 0 FROM product",
    )
    .await;
    let report = audit(shop.settings()).await.unwrap();
    let [violation] = report.violations.as_slice() else { panic!("one violation\n{report}") };
    assert_eq!(violation.ids.len(), IDS_PER_VIOLATION_MAX);
    assert_eq!(violation.detail, "product:1000: on hand 5, moved 0; and more than 99 others");
    shop.close().await;
}

#[tokio::test]
async fn a_report_is_json_for_programs() {
    let shop = Shop::with_orders_in_every_state(Engine::Sqlite).await;
    shop.run("UPDATE stock SET available = available + 1 WHERE product_id = 1").await;
    let report = serde_json::to_value(audit(shop.settings()).await.unwrap()).unwrap();
    assert_eq!(report["checked"]["stock-adds-up"], 3);
    assert_eq!(
        report["violations"],
        serde_json::json!([{
            "invariant": "stock-adds-up",
            "ids": ["product:1"],
            "detail": "product:1: on hand 99, moved 98",
        }])
    );
    shop.close().await;
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let refused = audit(&Settings::in_directory(folder.path())).await.unwrap_err();
    assert!(refused.to_string().contains("orderly.db"), "{refused}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_process_that_was_killed_leaves_a_database_that_can_be_read() {
    let shop = Shop::with_orders_in_every_state(Engine::Sqlite).await;
    // Its last commits are in the log beside the file only, and nobody has tidied up.
    let killed = shop.copy_with_unfinished_log("UPDATE stock SET available = available + 1 WHERE product_id = 1").await;
    let report = audit(killed.settings()).await.unwrap();
    assert_eq!(report.violations.len(), 1, "{report}");
    killed.close().await;
    shop.close().await;
}
