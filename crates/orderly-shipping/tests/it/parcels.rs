//! Handing parcels over and following them, one delivery at a time, by a carrier that follows a script.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use orderly_contracts::{
    CustomerId, OrderId, TrackingNumber,
    orders::Line,
    shipping::{
        OrderDelivered, OrderShipped, OrderShippingRequested, ShipmentCancelRequested, ShipmentCancelled,
        ShippingFailed,
    },
};
use orderly_shipping::{
    Carrier, CarrierError, Consignment, Ports, Progress, Recall, Settings, Shipments,
    domain::{Shipment, ShipmentKey, ShipmentState},
};
use wharf::{
    Memory, Message, Module, Msg, Result, Tenant, Tx, Worker,
    testing::{Harness, ManualClock},
};

const ORDER: OrderId = OrderId(7);
const HOUR: Duration = Duration::from_secs(3_600);

fn request() -> OrderShippingRequested {
    OrderShippingRequested { order: ORDER, customer: CustomerId(2), lines: Vec::new(), again: false }
}

fn tracking() -> TrackingNumber {
    TrackingNumber::new("T1")
}

fn accepted() -> Consignment {
    Consignment::Accepted { tracking: tracking(), ask_again_after: HOUR }
}

#[derive(Default)]
struct FakeShipments(Mutex<BTreeMap<OrderId, Shipment>>);

impl FakeShipments {
    fn state(&self) -> Option<ShipmentState> {
        self.0.lock().unwrap().get(&ORDER).map(|shipment| shipment.state().clone())
    }
}

#[async_trait]
impl Shipments for FakeShipments {
    async fn look_up(&self, _: &Tenant, order: OrderId) -> Result<Option<Shipment>> {
        Ok(self.0.lock().unwrap().get(&order).cloned())
    }

    async fn find(&self, _: &mut Tx, order: OrderId) -> Result<Option<Shipment>> {
        Ok(self.0.lock().unwrap().get(&order).cloned())
    }

    async fn save(&self, _: &mut Tx, shipment: &Shipment) -> Result {
        self.0.lock().unwrap().insert(shipment.order(), shipment.clone());
        Ok(())
    }
}

/// A carrier that answers as it was told, and notes what it was asked.
#[derive(Default)]
struct ScriptedCarrier {
    ships: Mutex<VecDeque<Result<Consignment, CarrierError>>>,
    knows: Mutex<Option<Consignment>>,
    recalls: Mutex<VecDeque<Result<Recall, CarrierError>>>,
    progress: Mutex<VecDeque<Progress>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Carrier for ScriptedCarrier {
    async fn ship(&self, key: ShipmentKey, _: &[Line]) -> Result<Consignment, CarrierError> {
        self.asked.lock().unwrap().push(format!("ship {key}"));
        self.ships.lock().unwrap().pop_front().expect("an answer to a parcel")
    }

    async fn inquire(&self, key: ShipmentKey) -> Result<Option<Consignment>, CarrierError> {
        self.asked.lock().unwrap().push(format!("inquire {key}"));
        Ok(self.knows.lock().unwrap().clone())
    }

    async fn recall(&self, key: ShipmentKey) -> Result<Recall, CarrierError> {
        self.asked.lock().unwrap().push(format!("recall {key}"));
        self.recalls.lock().unwrap().pop_front().expect("an answer to a recall")
    }

    async fn track(&self, tracking: &TrackingNumber) -> Result<Progress, CarrierError> {
        self.asked.lock().unwrap().push(format!("track {tracking}"));
        Ok(self.progress.lock().unwrap().pop_front().expect("news of a parcel"))
    }
}

async fn take_note<M: Message>(_: Msg<M>) -> Result {
    Ok(())
}

async fn open() -> (Harness, Arc<FakeShipments>, Arc<ScriptedCarrier>) {
    let clock = ManualClock::new();
    let (shipments, carrier) = (Arc::new(FakeShipments::default()), Arc::new(ScriptedCarrier::default()));
    let ports = Ports { shipments: shipments.clone(), carrier: carrier.clone(), settings: Settings::default() };
    let saga = Module::new("saga", ()).endpoint("saga", |endpoint| {
        endpoint
            .consume("shipped", take_note::<OrderShipped>)
            .consume("delivered", take_note::<OrderDelivered>)
            .consume("failed", take_note::<ShippingFailed>)
            .consume("cancelled", take_note::<ShipmentCancelled>)
    });
    let engine = Memory::with_clock(clock.clone());
    let worker = Worker::new(engine).module(orderly_shipping::module(ports)).module(saga);
    (Harness::start(worker, clock).await, shipments, carrier)
}

#[tokio::test]
async fn a_parcel_is_handed_over_once_and_followed_to_the_door() {
    let (mut app, shipments, carrier) = open().await;
    carrier.ships.lock().unwrap().push_back(Ok(accepted()));
    carrier.progress.lock().unwrap().extend([Progress::InTransit { ask_again_after: HOUR }, Progress::Delivered]);
    app.send(request()).await;
    app.wind(2 * HOUR).await;
    assert_eq!(*carrier.asked.lock().unwrap(), ["ship ship:7", "track T1", "track T1"]);
    assert_eq!(shipments.state(), Some(ShipmentState::Delivered { tracking: tracking() }));
    app.finish().await;
}

#[tokio::test]
async fn o32_after_a_lost_answer_the_carrier_is_asked_what_it_has() {
    let (mut app, shipments, carrier) = open().await;
    carrier.ships.lock().unwrap().push_back(Err(CarrierError("timeout".to_owned())));
    *carrier.knows.lock().unwrap() = Some(accepted());
    carrier.progress.lock().unwrap().push_back(Progress::Delivered);
    app.send(request()).await;
    app.wind(2 * HOUR).await;
    assert_eq!(*carrier.asked.lock().unwrap(), ["ship ship:7", "inquire ship:7", "track T1"]);
    assert_eq!(shipments.state(), Some(ShipmentState::Delivered { tracking: tracking() }));
    app.finish().await;
}

#[tokio::test]
async fn asked_for_twice_there_is_one_parcel() {
    let (mut app, _, carrier) = open().await;
    carrier.ships.lock().unwrap().push_back(Ok(accepted()));
    *carrier.knows.lock().unwrap() = Some(accepted());
    carrier.progress.lock().unwrap().push_back(Progress::Delivered);
    app.send(request()).await;
    app.settle().await;
    app.send(request()).await;
    app.wind(2 * HOUR).await;
    assert_eq!(*carrier.asked.lock().unwrap(), ["ship ship:7", "inquire ship:7", "track T1"]);
    assert_eq!(app.transcript().matches("⇒ shipping.order-shipped").count(), 1);
    app.finish().await;
}

#[tokio::test]
async fn a_refused_parcel_is_told_to_the_saga() {
    let (mut app, shipments, carrier) = open().await;
    carrier.ships.lock().unwrap().push_back(Ok(Consignment::Refused { reason: "too heavy".to_owned() }));
    app.send(request()).await;
    app.settle().await;
    assert!(app.transcript().contains("⇒ shipping.failed"));
    assert_eq!(shipments.state(), Some(ShipmentState::Refused { reason: "too heavy".to_owned() }));
    app.finish().await;
}

#[tokio::test]
async fn o32_asked_again_by_the_saga_the_carrier_is_first_asked_what_it_has() {
    let (mut app, _, carrier) = open().await;
    *carrier.knows.lock().unwrap() = Some(accepted());
    carrier.progress.lock().unwrap().push_back(Progress::Delivered);
    app.send(OrderShippingRequested { again: true, ..request() }).await;
    app.wind(HOUR).await;
    assert_eq!(*carrier.asked.lock().unwrap(), ["inquire ship:7", "track T1"]);
    app.finish().await;
}

fn call_back() -> ShipmentCancelRequested {
    ShipmentCancelRequested { order: ORDER, has_left: false }
}

#[tokio::test]
async fn a_parcel_called_back_before_it_was_asked_for_never_leaves() {
    let (mut app, shipments, carrier) = open().await;
    carrier.recalls.lock().unwrap().push_back(Ok(Recall::Stopped));
    app.send(call_back()).await;
    app.settle().await;
    assert!(app.transcript().contains("⇒ shipping.cancelled"));
    app.send(request()).await;
    app.settle().await;
    assert_eq!(*carrier.asked.lock().unwrap(), ["recall ship:7"]);
    assert_eq!(shipments.state(), Some(ShipmentState::Cancelled));
    app.finish().await;
}

#[tokio::test]
async fn o35_a_parcel_that_the_carrier_has_cannot_be_called_back_and_the_saga_hears_the_truth() {
    let (mut app, shipments, carrier) = open().await;
    carrier.ships.lock().unwrap().push_back(Ok(accepted()));
    carrier.recalls.lock().unwrap().push_back(Ok(Recall::TooLate { tracking: tracking(), ask_again_after: HOUR }));
    app.send(request()).await;
    app.settle().await;
    app.send(call_back()).await;
    app.settle().await;
    assert_eq!(app.transcript().matches("⇒ shipping.order-shipped").count(), 2, "{}", app.transcript());
    assert_eq!(app.transcript().matches("shipping.cancelled").count(), 0);
    assert_eq!(shipments.state(), Some(ShipmentState::Accepted { tracking: tracking() }));
    carrier.progress.lock().unwrap().push_back(Progress::Delivered);
    app.wind(HOUR).await;
    app.finish().await;
}

#[tokio::test]
async fn a_parcel_that_only_the_carrier_knows_of_is_followed_from_the_recall_on() {
    let (mut app, shipments, carrier) = open().await;
    carrier.recalls.lock().unwrap().push_back(Ok(Recall::TooLate { tracking: tracking(), ask_again_after: HOUR }));
    carrier.progress.lock().unwrap().push_back(Progress::Delivered);
    app.send(call_back()).await;
    app.wind(HOUR).await;
    assert_eq!(*carrier.asked.lock().unwrap(), ["recall ship:7", "track T1"]);
    assert_eq!(shipments.state(), Some(ShipmentState::Delivered { tracking: tracking() }));
    app.finish().await;
}

#[tokio::test]
async fn after_a_lost_answer_to_a_recall_the_carrier_is_asked_what_it_has() {
    for (knows, then, told) in [
        (None, Some(Recall::Stopped), "⇒ shipping.cancelled"),
        (Some(Consignment::Refused { reason: "called back".to_owned() }), None, "⇒ shipping.cancelled"),
        (Some(accepted()), None, "⇒ shipping.order-shipped"),
    ] {
        let (mut app, _, carrier) = open().await;
        carrier.recalls.lock().unwrap().push_back(Err(CarrierError("timeout".to_owned())));
        let asked_again = then.is_some();
        carrier.recalls.lock().unwrap().extend(then.map(Ok));
        *carrier.knows.lock().unwrap() = knows;
        carrier.progress.lock().unwrap().push_back(Progress::Delivered);
        app.send(call_back()).await;
        app.wind(2 * HOUR).await;
        assert!(app.transcript().contains(told), "{}", app.transcript());
        let asked = carrier.asked.lock().unwrap().clone();
        assert_eq!(asked[..2], ["recall ship:7", "inquire ship:7"]);
        assert_eq!(asked.get(2).is_some_and(|call| call == "recall ship:7"), asked_again);
        app.finish().await;
    }
}
