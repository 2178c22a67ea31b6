//! The view `order_saga`: where each order's fulfilment stands, for whoever looks with SQL.

use std::time::Duration;

use orderly_contracts::OrderId;

use crate::{
    pipeline::{open, place},
    stage::Stage,
};

/// What the first order is at some moment. The demo seed approves it.
async fn seen(stage: &Stage) -> String {
    let rows = stage
        .read(
            "SELECT order_id || ' ' || state || ', payment ' || coalesce(payment_id, 'none') || ', parcel '
                 || coalesce(tracking_number, 'none') || ', '
                 || coalesce('expires after ' || ((expires_at - created_at) / 60000000) || ' min', 'expires no more') || ', '
                 || CASE WHEN completed_at IS NULL THEN 'goes on' ELSE 'over' END
                 || CASE WHEN length(correlation_id) = 36 THEN '' ELSE ' and has no correlation' END
             FROM order_saga",
        )
        .await;
    rows.join("; ")
}

pub(crate) async fn the_view_shows_where_each_order_stands(stage: &Stage) {
    let (mut app, ports, mug) = open(stage).await;
    assert_eq!(seen(stage).await, "");
    assert_eq!(place(&app, &ports, mug).await, OrderId(1));
    app.settle().await;
    assert_eq!(seen(stage).await, "1 PaymentProcessing, payment none, parcel none, expires after 30 min, goes on");
    app.wind(Duration::from_secs(5)).await;
    assert_eq!(seen(stage).await, "1 Shipped, payment CAP-000001, parcel SIM-000001, expires no more, goes on");
    app.wind(Duration::from_secs(2)).await;
    assert_eq!(seen(stage).await, "1 Completed, payment CAP-000001, parcel SIM-000001, expires no more, over");
    app.finish().await;
}
