//! How all orders stand together.

use std::time::Duration;

use orderly_contracts::{OrderId, Tenant};
use orderly_orders::{
    Fulfilment, OrderChange, Pace, Totals,
    domain::{CancelReason, OrderStatus},
};
use wharf::{Key, Saga, SagaId, SagaRow};

use crate::{
    book::{apply, order, order_in, place},
    stage::{Stage, tenant},
};

/// What wharf keeps of an order whose fulfilment only a person can go on with.
fn stuck(order: OrderId) -> SagaRow {
    let id = SagaId { tenant: tenant(), saga: Fulfilment::NAME.into(), key: Key::new("order", order) };
    let (state, facts) = ("{}".to_owned(), "{}".to_owned());
    SagaRow { id, revision: 1, version: 1, state_name: "NeedsAttention".to_owned(), state, facts, finished: false }
}

pub(crate) async fn every_order_stands_in_one_place(stage: &Stage) {
    for status in OrderStatus::ALL {
        order_in(stage, status).await;
    }
    let paid = order_in(stage, OrderStatus::Paid).await;
    stage.commit(async |tx| Ok(tx.open().await?.save_saga(&stuck(paid)).await?)).await;
    assert_eq!(
        stage.ports.overview.totals(&tenant()).await.unwrap(),
        Totals {
            orders: 9,
            under_way: 5,
            delivered: 1,
            cancelled: vec![(CancelReason::OutOfStock, 1)],
            expired: 1,
            needs_attention: 1,
        }
    );
    assert_eq!(stage.ports.overview.under_way(&tenant()).await.unwrap(), 5);
    let elsewhere = Tenant::new("globex");
    assert_eq!(stage.ports.overview.totals(&elsewhere).await.unwrap(), Totals::default());
    assert_eq!(stage.ports.overview.under_way(&elsewhere).await.unwrap(), 0);
}

pub(crate) async fn the_pace_is_that_of_orders_placed_since(stage: &Stage) {
    order_in(stage, OrderStatus::Expired).await;
    stage.wind(Duration::from_secs(1)).await;
    let since = stage.now();
    for seconds in [3, 1, 2] {
        let id = place(stage, &order(&[(1, 1, 100)])).await.placed.order_id;
        stage.wind(Duration::from_secs(seconds)).await;
        apply(stage, id, &OrderChange::Expired).await;
    }
    place(stage, &order(&[(1, 1, 100)])).await;
    let pace = Pace { ended: 3, median: Duration::from_secs(2), percentile_99: Duration::from_secs(3) };
    assert_eq!(stage.ports.overview.pace(&tenant(), since).await.unwrap(), pace);
}

pub(crate) async fn orders_are_found_by_their_references(stage: &Stage) {
    let order = order(&[(1, 1, 100)]);
    let placed = stage.commit(async |tx| stage.ports.book.place(tx, &order, Some("536365")).await).await.0;
    let found = stage.ports.overview.placed_under(&tenant(), &["536365", "404"]).await.unwrap();
    assert_eq!(found, [("536365".to_owned(), placed.placed.order_id)]);
    assert_eq!(stage.ports.overview.placed_under(&Tenant::new("globex"), &["536365"]).await.unwrap(), []);
}

pub(crate) async fn only_cancellations_that_took_effect_are_told(stage: &Stage) {
    for (reference, reason) in [("C1", CancelReason::Customer), ("C2", CancelReason::OutOfStock)] {
        let id = place(stage, &order(&[(1, 1, 100)])).await.placed.order_id;
        stage.commit(async |tx| stage.ports.book.note_cancellation(tx, id, Some(reference)).await).await;
        apply(stage, id, &OrderChange::Cancelled { reason, detail: String::new() }).await;
    }
    let asked = place(stage, &order(&[(1, 1, 100)])).await.placed.order_id;
    stage.commit(async |tx| stage.ports.book.note_cancellation(tx, asked, Some("C3")).await).await;
    assert_eq!(stage.ports.overview.effective_cancellations(&tenant()).await.unwrap(), ["C1"]);
    let elsewhere = stage.ports.overview.effective_cancellations(&Tenant::new("globex")).await.unwrap();
    assert_eq!(elsewhere, [""; 0]);
}
