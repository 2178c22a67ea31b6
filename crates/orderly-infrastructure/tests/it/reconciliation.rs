//! Reconciliation: records that agree are left in peace, and each difference is told with its code and what both sides say.

use std::{collections::BTreeSet, time::Duration};

use orderly_infrastructure::{
    Infrastructure,
    reconciliation::{DIFFERENCES_PER_CODE_MAX, Reconciler, module, reconcile},
};
use wharf::testing::{Harness, ManualClock};

use crate::{
    audit::shop::Shop,
    log::Log,
    stage::{Engine, Stage},
};

/// Something that two records do not agree about.
struct Plant {
    what: &'static str,
    shop: &'static str,
    books: &'static str,
    /// The difference as it is told.
    told: &'static [&'static str],
}

const PLANTS: &[Plant] = &[
    Plant {
        what: "a unit is gone, and no movement says why",
        shop: "UPDATE stock SET available = available - 1 WHERE product_id = 2",
        books: "",
        told: &["stock-on-hand product:2: on hand 48, moved 49"],
    },
    Plant {
        what: "units are kept back for nobody",
        shop: "UPDATE stock SET available = available - 3, reserved = reserved + 3 WHERE product_id = 1",
        books: "",
        told: &["stock-reserved product:1: reserved 9, held 6"],
    },
    Plant {
        what: "what left with an order was booked twice",
        shop: "INSERT INTO stock_movements (tenant, product_id, kind, units, order_id, moved_at)
               VALUES ('acme', 2, 'shipped', -1, 1, 0);
               UPDATE stock SET available = available - 1 WHERE product_id = 2",
        books: "",
        told: &["stock-shipped order:1: gone 1 of product 2, booked 2 of product 2"],
    },
    Plant {
        what: "a saga stands elsewhere than its order",
        shop: "UPDATE wharf.sagas SET state_name = 'Created' WHERE key = 'order:8'",
        books: "",
        told: &["saga-state order:8: is Shipped, its saga Created"],
    },
    Plant {
        what: "nothing brings an order's next event",
        shop: "DELETE FROM wharf.timers WHERE key = 'order:7'",
        books: "",
        // The carrier took its parcel just now; with nothing under way nobody will ever hear of it.
        told: &[
            "saga-forgotten order:7: is Paid, its saga Paid, and nothing is under way",
            "carrier-parcels order:7: the shop knows parcel none, the carrier has SIM-000007",
        ],
    },
    Plant {
        what: "a saga is of no order",
        shop: "UPDATE wharf.sagas SET key = 'order:404' WHERE key = 'order:4';
               UPDATE orders SET status = 'Pending', step = 3 WHERE id = 4;
               INSERT INTO wharf.deliveries (tenant, endpoint, not_before, attempt, crashes, redrives, message_id, name, version,
                                             kind, key, sent_at, trail, body)
               VALUES ('acme', 'order-created-event', 0, 0, 0, 0, '00000000-0000-7000-8000-000000000004',
                       'orders.order-created', 1, 'event', 'order:4', 0, '{}', '{}')",
        books: "",
        told: &["saga-orphaned order:404: the book has no such order, its saga is Failed"],
    },
    Plant {
        what: "a payment is in no ledger",
        shop: "DELETE FROM ledger_entries WHERE order_id = 1",
        books: "",
        told: &[
            "ledger-balance order:1: payments keep 250, the ledger 0",
            "provider-captures order:1: the ledger says nothing, the provider 250 GBP",
        ],
    },
    Plant {
        what: "the provider took more than it was asked for",
        shop: "",
        books: "UPDATE captures SET amount = 251 WHERE order_id = 1",
        told: &["provider-captures order:1: the ledger says 250 GBP, the provider 251 GBP"],
    },
    Plant {
        what: "the provider took another currency",
        shop: "",
        books: "UPDATE captures SET currency = 'USD' WHERE order_id = 1",
        told: &["provider-captures order:1: the ledger says 250 GBP, the provider 250 USD"],
    },
    Plant {
        what: "the provider does not know what the ledger says, though much is still to come",
        shop: "",
        books: "DELETE FROM captures WHERE order_id = 7",
        told: &["provider-captures order:7: the ledger says 100 GBP, the provider nothing"],
    },
    Plant {
        what: "the provider took money for an order that nobody knows",
        shop: "",
        books: "INSERT INTO captures (key, order_id, amount, currency, captured_at) VALUES ('pay:404:1', 404, 5, 'GBP', 0)",
        told: &["provider-captures order:404: the ledger says nothing, the provider 5 GBP"],
    },
    Plant {
        what: "money was given back in the ledger only",
        shop: "",
        books: "DELETE FROM refunds WHERE order_id = 2",
        told: &["provider-refunds order:2: the ledger says 100 GBP, the provider nothing"],
    },
    Plant {
        what: "the provider gave back what nobody asked for",
        shop: "",
        books: "INSERT INTO refunds (capture_id, key, order_id, amount, currency, refunded_at)
                VALUES (1, 'pay:1:1', 1, 250, 'GBP', 0)",
        told: &["provider-refunds order:1: the ledger says nothing, the provider 250 GBP"],
    },
    Plant {
        what: "the carrier has lost a parcel",
        shop: "",
        books: "DELETE FROM parcels WHERE order_id = 8",
        told: &["carrier-parcels order:8: the shop knows parcel SIM-000008, the carrier has none"],
    },
    Plant {
        what: "the carrier has a second parcel",
        shop: "",
        books: "INSERT INTO parcels (key, order_id, tracking, lines, shipped_at, delivery_at)
                VALUES ('ship:1:2', 1, 'SIM-000009', '[]', 0, 0)",
        told: &["carrier-parcels order:1: the shop knows parcel SIM-000001, the carrier has SIM-000001, SIM-000009"],
    },
];

#[tokio::test]
async fn what_heals_by_itself_is_no_difference() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        // Captures, a refund and a parcel of which the shop has not yet heard are among these.
        let shop = Shop::with_orders_in_every_state(engine).await;
        let report = reconcile(shop.settings()).await.unwrap();
        assert!(report.agrees(), "{engine:?}\n{report}");
        assert!(report.compared.values().all(|&rows| rows > 0), "something was not looked at on {engine:?}\n{report}");
        shop.close().await;
    }
}

#[tokio::test]
async fn each_difference_is_told_with_both_sides_on_sqlite() {
    each_difference_is_told_with_both_sides(Engine::Sqlite).await;
}

#[tokio::test]
async fn each_difference_is_told_with_both_sides_on_postgres() {
    each_difference_is_told_with_both_sides(Engine::Postgres).await;
}

async fn each_difference_is_told_with_both_sides(engine: Engine) {
    let good = Shop::with_orders_in_every_state(engine).await;
    let mut seen = BTreeSet::new();
    for plant in PLANTS {
        let shop = good.copy().await;
        shop.run(plant.shop).await;
        shop.run_in_books(plant.books).await;
        let report = reconcile(shop.settings()).await.unwrap();
        let told: Vec<_> = report.differences.iter().map(ToString::to_string).collect();
        assert_eq!(told, plant.told, "{}", plant.what);
        seen.extend(report.differences.iter().map(|difference| difference.code));
        shop.close().await;
    }
    let compared = reconcile(good.settings()).await.unwrap().compared;
    assert_eq!(seen, compared.into_keys().collect(), "there is no code that was never seen");
    good.close().await;
}

#[tokio::test]
async fn a_code_lists_so_many_differences_and_says_that_there_are_more() {
    let shop = Shop::with_orders_in_every_state(Engine::Sqlite).await;
    shop.run(
        "INSERT INTO stock (tenant, product_id, available, updated_at)
         WITH RECURSIVE product(id) AS (SELECT 1000 UNION ALL SELECT id + 1 FROM product WHERE id < 1200)
         SELECT 'acme', id, 5, 0 FROM product",
    )
    .await;
    shop.run_in_books(
        "INSERT INTO captures (key, order_id, amount, currency, captured_at)
         WITH RECURSIVE lost(id) AS (SELECT 1000 UNION ALL SELECT id + 1 FROM lost WHERE id < 1200)
         SELECT 'pay:' || id, id, 5, 'GBP', 0 FROM lost",
    )
    .await;
    let report = reconcile(shop.settings()).await.unwrap();
    assert_eq!(report.differences.len(), 2 * DIFFERENCES_PER_CODE_MAX);
    assert_eq!(report.and_more, ["stock-on-hand", "provider-captures"]);
    shop.close().await;
}

#[tokio::test]
async fn a_report_of_differences_is_json_for_programs() {
    let shop = Shop::with_orders_in_every_state(Engine::Sqlite).await;
    shop.run("UPDATE stock SET available = available + 1 WHERE product_id = 1").await;
    let report = serde_json::to_value(reconcile(shop.settings()).await.unwrap()).unwrap();
    assert_eq!(report["compared"]["stock-on-hand"], 3);
    assert_eq!(report["and_more"], serde_json::json!([]));
    assert_eq!(
        report["differences"],
        serde_json::json!([{
            "code": "stock-on-hand",
            "subject": "product:1",
            "sides": [{ "record": "on hand", "says": "99" }, { "record": "moved", "says": "98" }],
        }])
    );
    shop.close().await;
}

pub(crate) async fn the_task_tells_each_difference_once(stage: &Stage) {
    const PERIOD: Duration = Duration::from_secs(3600);

    let log = Log::start();
    let reconciler = Reconciler::new(stage.settings.clone());
    let mut app = start(&stage.ports, stage.clock(), &reconciler, PERIOD).await;
    stage.write("INSERT INTO stock (tenant, product_id, available, updated_at) VALUES ('acme', 7, 5, 0)").await;
    app.wind(PERIOD).await;
    let told =
        "two records do not agree code=\"stock-on-hand\" subject=\"product:7\" one=\"on hand 5\" other=\"moved 0\"";
    let errors = log.take("ERROR");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].ends_with(told), "{errors:?}");
    assert_eq!(reconciler.last().unwrap().differences.len(), 1);

    app.wind(3 * PERIOD).await;
    assert_eq!(log.take("ERROR"), [""; 0], "it stands, and was told");

    stage.write("UPDATE stock SET available = 0 WHERE product_id = 7").await;
    app.wind(PERIOD).await;
    assert_eq!(log.take("all records agree again differences=1").len(), 1);
    assert!(reconciler.last().unwrap().agrees());

    stage.write("UPDATE stock SET available = 5 WHERE product_id = 7").await;
    app.wind(PERIOD).await;
    assert_eq!(log.take("ERROR").len(), 1, "it is back, and that is news");
    app.finish().await;
}

async fn start(ports: &Infrastructure, clock: ManualClock, reconciler: &Reconciler, period: Duration) -> Harness {
    Harness::start(ports.worker().module(module(reconciler.clone(), period)), clock).await
}
