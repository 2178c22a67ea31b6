//! What customers are told.

use orderly_contracts::{
    Currency, CustomerId, Money, NotificationId, OrderId, Tenant, TrackingNumber, orders::ExpiryCause,
};
use orderly_notifications::{NotificationView, domain::Notification};

use crate::stage::{Stage, tenant};

pub(crate) async fn tell(stage: &Stage, tenant: &Tenant, customer: CustomerId, told: &Notification) -> bool {
    stage.commit_of(tenant, async |tx| stage.ports.outbox.add(tx, customer, told).await).await
}

const CUSTOMER: CustomerId = CustomerId(7);

pub(crate) async fn a_customer_is_told_once_of_each_thing(stage: &Stage) {
    let delivered = Notification::delivered(OrderId(1), CUSTOMER);
    assert!(tell(stage, &tenant(), CUSTOMER, &delivered).await);
    assert!(!tell(stage, &tenant(), CUSTOMER, &delivered).await);
    assert!(tell(stage, &tenant(), CUSTOMER, &Notification::delivered(OrderId(2), CUSTOMER)).await);
    assert!(tell(stage, &tenant(), CUSTOMER, &Notification::cancelled(OrderId(1), CUSTOMER, "customer")).await);
    let told = stage.ports.notifications.notifications(&tenant(), None, None, 10).await.unwrap();
    assert_eq!(told.len(), 3);
    assert_eq!(stage.ports.notifications.count(&tenant()).await.unwrap(), 3);
    assert_eq!(stage.ports.notifications.count(&Tenant::new("elsewhere")).await.unwrap(), 0);
}

pub(crate) async fn notifications_come_newest_first_page_by_page(stage: &Stage) {
    for order in 1..=5 {
        let customer = CustomerId(order % 2);
        tell(stage, &tenant(), customer, &Notification::delivered(OrderId(order), customer)).await;
    }
    let page = async |customer, before, limit| {
        let page = stage.ports.notifications.notifications(&tenant(), customer, before, limit).await.unwrap();
        page.into_iter().map(|told| (told.id, told.order.unwrap().0)).collect::<Vec<(NotificationId, i64)>>()
    };
    let orders = |page: &[(NotificationId, i64)]| page.iter().map(|told| told.1).collect::<Vec<_>>();
    let first = page(None, None, 2).await;
    assert_eq!(orders(&first), [5, 4]);
    assert_eq!(orders(&page(None, Some(first[1].0), 10).await), [3, 2, 1]);
    assert_eq!(orders(&page(Some(CustomerId(1)), None, 2).await), [5, 3]);
    assert_eq!(orders(&page(Some(CustomerId(1)), Some(first[0].0), 10).await), [3, 1]);
}

pub(crate) async fn facts_stand_beside_the_words_as_json(stage: &Stage) {
    let total = Money::new(129_999, Currency::GBP);
    tell(stage, &tenant(), CUSTOMER, &Notification::completed(OrderId(1), CUSTOMER, total)).await;
    tell(
        stage,
        &tenant(),
        CUSTOMER,
        &Notification::expired(OrderId(1), CUSTOMER, ExpiryCause::Stale, 1_767_225_600_000_000),
    )
    .await;
    let tracking = TrackingNumber::new("T\"1");
    tell(stage, &tenant(), CUSTOMER, &Notification::shipped(OrderId(1), CUSTOMER, &tracking)).await;
    let told = stage.ports.notifications.notifications(&tenant(), Some(CUSTOMER), None, 10).await.unwrap();
    let metadata: Vec<_> = told.iter().rev().map(|told| told.metadata.as_str()).collect();
    assert_eq!(
        metadata,
        [
            r#"{"UserId":7,"Total":1299.99}"#,
            r#"{"UserId":7,"ExpiredAt":"2026-01-01T00:00:00Z"}"#,
            r#"{"UserId":7,"Tracking":"T\"1"}"#,
        ]
    );
    let completed = NotificationView {
        id: told[2].id,
        order: Some(OrderId(1)),
        kind: "OrderCompleted".to_owned(),
        message: "Order #1 completed successfully".to_owned(),
        metadata: metadata[0].to_owned(),
        created_at: stage.now(),
    };
    assert_eq!(told[2], completed);
}
