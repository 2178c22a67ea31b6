//! A product runs low once for each time that it comes down to its reorder level.

use std::time::Duration;

use orderly_contracts::{OrderId, inventory::InventoryReleaseRequested};
use wharf::{RunFilter, RunStatus, testing::Harness};

use crate::{
    shop::{open_with_ports, reserve},
    warehouse::{adjust, counted, receive, reorder_at},
};

/// How often it was said of product 1 since this was last asked.
fn said(app: &mut Harness) -> usize {
    app.transcript().matches("inventory-monitoring ← inventory.ran-low product:1").count()
}

#[tokio::test]
async fn it_is_said_once_per_crossing_by_whatever_takes_it_down() {
    let (mut app, shelves, ports) = open_with_ports().await;
    adjust(&mut app, &ports, &reorder_at(3)).await.unwrap();
    app.send(reserve(1, &[(1, 1)])).await;
    app.settle().await;
    assert_eq!((shelves.level(1).0, said(&mut app)), (4, 0), "it is above");
    app.send(reserve(2, &[(1, 1)])).await;
    app.settle().await;
    assert_eq!((shelves.level(1).0, said(&mut app)), (3, 1));
    app.send(reserve(3, &[(1, 1)])).await;
    app.settle().await;
    adjust(&mut app, &ports, &counted(4)).await.unwrap();
    assert_eq!((shelves.level(1).0, said(&mut app)), (1, 0), "it stays low, and that was said");

    app.send(InventoryReleaseRequested { order: OrderId(1) }).await;
    receive(&mut app, &ports, 5, None).await.unwrap();
    assert_eq!((shelves.level(1).0, said(&mut app)), (7, 0), "it rises");
    adjust(&mut app, &ports, &counted(4)).await.unwrap();
    assert_eq!((shelves.level(1).0, said(&mut app)), (2, 1), "it falls again, this time by a count");
    receive(&mut app, &ports, 2, None).await.unwrap();
    adjust(&mut app, &ports, &reorder_at(9)).await.unwrap();
    assert_eq!((shelves.level(1).0, said(&mut app)), (4, 1), "its level rises above it");
    app.finish().await;
}

#[tokio::test]
async fn an_order_that_is_refused_takes_nothing_down() {
    let (mut app, _, ports) = open_with_ports().await;
    adjust(&mut app, &ports, &reorder_at(4)).await.unwrap();
    app.send(reserve(1, &[(1, 5), (2, 2)])).await;
    app.settle().await;
    assert_eq!(said(&mut app), 0);
    app.finish().await;
}

#[tokio::test]
async fn stock_is_monitored_every_five_minutes() {
    let (mut app, _, _) = open_with_ports().await;
    app.transcript();
    app.wind(Duration::from_secs(600)).await;
    let once = "-- 5m later\n↻ inventory.monitor\njob:inventory.monitor ← inventory.monitor sweep:inventory";
    assert_eq!(app.transcript(), [once, once].join("\n"));
    let runs = app.client().runs(&RunFilter::default().job("inventory.monitor")).await.unwrap();
    let found: Vec<_> = runs.iter().map(|run| (run.status, run.result.as_deref())).collect();
    assert_eq!(found, [(RunStatus::Succeeded, Some(r#"{"products":0}"#)); 2]);
    app.finish().await;
}
