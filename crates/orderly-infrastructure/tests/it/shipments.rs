//! Parcels.

use orderly_contracts::{OrderId, TrackingNumber};
use orderly_shipping::domain::{Shipment, ShipmentState};
use wharf::Verdict;

use crate::stage::{Stage, tenant};

pub(crate) fn shipment(order: i64, state: ShipmentState) -> Shipment {
    Shipment::from_stored(OrderId(order), state)
}

pub(crate) fn accepted() -> ShipmentState {
    ShipmentState::Accepted { tracking: TrackingNumber::new("T1") }
}

fn delivered() -> ShipmentState {
    ShipmentState::Delivered { tracking: TrackingNumber::new("T1") }
}

pub(crate) async fn save(stage: &Stage, shipment: &Shipment) {
    stage.commit(async |tx| stage.ports.shipments.save(tx, shipment).await).await;
}

pub(crate) async fn every_state_of_a_shipment_is_read_as_it_was_written(stage: &Stage) {
    let refused = ShipmentState::Refused { reason: "too \"heavy\"".to_owned() };
    let states = [ShipmentState::Requested, accepted(), delivered(), refused, ShipmentState::Cancelled];
    for (order, state) in (1..).zip(states) {
        let new = shipment(order, state.clone());
        save(stage, &new).await;
        let found = stage.commit(async |tx| stage.ports.shipments.find(tx, OrderId(order)).await).await;
        assert_eq!(found, Some(new));

        let order = order + 100;
        save(stage, &shipment(order, ShipmentState::Requested)).await;
        let changed = shipment(order, state);
        save(stage, &changed).await;
        let found = stage.commit(async |tx| stage.ports.shipments.find(tx, OrderId(order)).await).await;
        assert_eq!(found, Some(changed));
    }
    assert_eq!(stage.commit(async |tx| stage.ports.shipments.find(tx, OrderId(404)).await).await, None);
}

pub(crate) async fn a_shipment_is_looked_up_once_committed(stage: &Stage) {
    let shipment = shipment(1, accepted());
    let mut work = stage.begin();
    stage.ports.shipments.save(&mut work.tx, &shipment).await.unwrap();
    assert_eq!(stage.ports.shipments.look_up(&tenant(), OrderId(1)).await.unwrap(), None);
    work.commit().await.unwrap();
    assert_eq!(stage.ports.shipments.look_up(&tenant(), OrderId(1)).await.unwrap(), Some(shipment));
}

pub(crate) async fn what_was_delivered_stays_delivered(stage: &Stage) {
    save(stage, &shipment(1, delivered())).await;
    let mut work = stage.begin();
    let failure = stage.ports.shipments.save(&mut work.tx, &shipment(1, accepted())).await.unwrap_err();
    assert_eq!(failure.verdict(), Verdict::Retry, "the next try finds it delivered");
    work.rollback().await.unwrap();
    let found = stage.ports.shipments.look_up(&tenant(), OrderId(1)).await.unwrap();
    assert_eq!(found, Some(shipment(1, delivered())));
}
