//! What the staff of a warehouse say, and what comes of it.

use orderly_contracts::ProductId;
use orderly_inventory::{
    AdjustStock, Ports, ReceiveStock, StockField, StockProblem, StockRefusal, adjust_stock,
    domain::{Movement, MovementKind, StockError},
    receive_stock,
};
use wharf::{Tenant, testing::Harness};

use crate::shop::{Shelves, open_with_ports, reserve};

const MUG: ProductId = ProductId(1);

/// So many were counted, and of a level nothing is said.
pub(crate) fn counted(on_hand: i64) -> AdjustStock {
    AdjustStock { product: MUG, on_hand: Some(on_hand), reorder_level: None, reference: None }
}

pub(crate) fn reorder_at(level: i64) -> AdjustStock {
    AdjustStock { product: MUG, on_hand: None, reorder_level: Some(level), reference: None }
}

pub(crate) async fn adjust(app: &mut Harness, ports: &Ports, wanted: &AdjustStock) -> Result<(), StockRefusal> {
    let mut work = app.client().begin(&Tenant::default()).unwrap();
    let adjusted = adjust_stock(ports, &mut work, wanted).await;
    match adjusted {
        Ok(()) => work.commit().await.unwrap(),
        Err(_) => work.rollback().await.unwrap(),
    }
    app.settle().await;
    adjusted
}

pub(crate) async fn receive(
    app: &mut Harness,
    ports: &Ports,
    units: i64,
    reference: Option<&str>,
) -> Result<bool, StockRefusal> {
    let brought = ReceiveStock { product: MUG, units, reference: reference.map(ToOwned::to_owned) };
    let mut work = app.client().begin(&Tenant::default()).unwrap();
    let received = receive_stock(ports, &mut work, &brought).await;
    match received {
        Ok(_) => work.commit().await.unwrap(),
        Err(_) => work.rollback().await.unwrap(),
    }
    app.settle().await;
    received
}

/// What staff moved of the mug.
fn moved(shelves: &Shelves) -> Vec<(MovementKind, i64)> {
    let movements = shelves.movements.lock().unwrap();
    movements.iter().map(|(_, Movement { kind, units, .. })| (*kind, *units)).collect()
}

fn problems(refusal: StockRefusal) -> Vec<StockProblem> {
    match refusal {
        StockRefusal::Refused(problems) => problems,
        StockRefusal::Unknown(_) | StockRefusal::ReferenceTaken { .. } | StockRefusal::Failed(_) => {
            panic!("refused for something else: {refusal:?}")
        }
    }
}

#[tokio::test]
async fn what_was_counted_counts_and_the_difference_is_a_movement() {
    let (mut app, shelves, ports) = open_with_ports().await;
    app.send(reserve(7, &[(1, 2)])).await;
    app.settle().await;
    adjust(&mut app, &ports, &counted(9)).await.unwrap();
    assert_eq!(shelves.level(1), (7, 2));
    adjust(&mut app, &ports, &counted(3)).await.unwrap();
    assert_eq!(shelves.level(1), (1, 2));
    adjust(&mut app, &ports, &counted(3)).await.unwrap();
    adjust(&mut app, &ports, &reorder_at(4)).await.unwrap();
    assert_eq!(moved(&shelves), [(MovementKind::Adjusted, 4), (MovementKind::Adjusted, -6)], "nothing else moved");
    app.finish().await;
}

#[tokio::test]
async fn o48_no_fewer_are_counted_than_are_held() {
    let (mut app, shelves, ports) = open_with_ports().await;
    app.send(reserve(7, &[(1, 4)])).await;
    app.settle().await;
    let refusal = adjust(&mut app, &ports, &counted(3)).await.unwrap_err();
    let error = StockError::BelowReserved { on_hand: 3, reserved: 4 };
    assert_eq!(problems(refusal), [StockProblem { field: StockField::OnHand, error }]);
    assert_eq!(shelves.level(1), (1, 4));
    assert_eq!(moved(&shelves), []);
    adjust(&mut app, &ports, &counted(4)).await.unwrap();
    assert_eq!(shelves.level(1), (0, 4));
    app.finish().await;
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let (mut app, _, ports) = open_with_ports().await;
    let wanted = AdjustStock { reorder_level: Some(-1), ..counted(-2) };
    let found = problems(adjust(&mut app, &ports, &wanted).await.unwrap_err());
    let negative = |field| StockProblem { field, error: StockError::Negative };
    assert_eq!(found, [negative(StockField::OnHand), negative(StockField::ReorderLevel)]);

    let found = problems(receive(&mut app, &ports, 0, None).await.unwrap_err());
    assert_eq!(found, [StockProblem { field: StockField::Units, error: StockError::NotPositive { units: 0 } }]);
    let found = problems(receive(&mut app, &ports, i64::MAX, None).await.unwrap_err());
    assert_eq!(found, [StockProblem { field: StockField::Units, error: StockError::Overflow }]);

    let unknown = AdjustStock { product: ProductId(404), ..counted(1) };
    let refusal = adjust(&mut app, &ports, &unknown).await.unwrap_err();
    assert!(matches!(refusal, StockRefusal::Unknown(ProductId(404))), "{refusal:?}");
    app.finish().await;
}

#[tokio::test]
async fn what_a_supplier_brings_is_received_once_under_its_name() {
    let (mut app, shelves, ports) = open_with_ports().await;
    assert!(receive(&mut app, &ports, 20, Some("DN-1")).await.unwrap());
    assert!(!receive(&mut app, &ports, 20, Some("DN-1")).await.unwrap(), "it was received before");
    let refusal = receive(&mut app, &ports, 30, Some("DN-1")).await.unwrap_err();
    assert!(matches!(refusal, StockRefusal::ReferenceTaken { units: 20 }), "{refusal:?}");
    assert!(receive(&mut app, &ports, 1, None).await.unwrap());
    assert!(receive(&mut app, &ports, 1, None).await.unwrap(), "without a name each is another");
    assert_eq!(shelves.level(1), (27, 0));
    assert_eq!(moved(&shelves), [20, 1, 1].map(|units| (MovementKind::Received, units)));
    app.finish().await;
}
