//! Who does not answer for an hour costs no attempts, and when it answers again everything goes on.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use orderly_contracts::{CaptureId, Money};
use orderly_infrastructure::{
    Settings, Simulators,
    audit::audit,
    breaker::{GuardedGateway, GuardedStockroom},
    simulators,
};
use orderly_orders::domain::OrderStatus;
use orderly_payments::{
    Answer, GatewayError, Inquiry, PaymentGateway, Voided,
    domain::{PaymentKey, RefundKey},
};
use wharf::Result;

use crate::{
    failing_stockroom::FailingStockroom,
    log::Log,
    pipeline::{MINUTE, open_over, place, status},
    stage::Stage,
};

/// A provider whose line can be cut.
struct Line {
    inner: Arc<dyn PaymentGateway>,
    is_cut: AtomicBool,
    /// Calls while it was cut.
    lost: AtomicU32,
}

impl Line {
    fn try_call(&self) -> Result<(), GatewayError> {
        if self.is_cut.load(Relaxed) {
            self.lost.fetch_add(1, Relaxed);
            return Err(GatewayError("the line is dead".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl PaymentGateway for Line {
    async fn submit(&self, key: PaymentKey, amount: Money) -> Result<Answer, GatewayError> {
        self.try_call()?;
        self.inner.submit(key, amount).await
    }

    async fn inquire(&self, key: PaymentKey) -> Result<Inquiry, GatewayError> {
        self.try_call()?;
        self.inner.inquire(key).await
    }

    async fn void(&self, key: PaymentKey) -> Result<Voided, GatewayError> {
        self.try_call()?;
        self.inner.void(key).await
    }

    async fn refund(&self, key: PaymentKey) -> Result<(), GatewayError> {
        self.try_call()?;
        self.inner.refund(key).await
    }

    async fn refund_capture(&self, key: PaymentKey, capture: &CaptureId) -> Result<(), GatewayError> {
        self.try_call()?;
        self.inner.refund_capture(key, capture).await
    }

    async fn refund_part(&self, payment: PaymentKey, refund: RefundKey, amount: Money) -> Result<(), GatewayError> {
        self.try_call()?;
        self.inner.refund_part(payment, refund, amount).await
    }

    async fn inquire_refund(&self, refund: RefundKey) -> Result<Option<Money>, GatewayError> {
        self.try_call()?;
        self.inner.inquire_refund(refund).await
    }
}

/// Sixty minutes, of which fifty-six pass before the last orders come.
pub(crate) async fn o29_an_hour_without_the_provider_costs_no_attempts_and_then_payments_go_on(stage: &Stage) {
    const EARLY: usize = 4;
    const LATE: usize = 2;

    let log = Log::start();
    let approving = Simulators { approval_rate: 1.0, pending_rate: 0.0, ..Simulators::default() };
    let providers = simulators::open(&Settings { simulators: approving, ..stage.settings.clone() }).await.unwrap();
    let line = Arc::new(Line { inner: providers.gateway, is_cut: AtomicBool::new(true), lost: AtomicU32::new(0) });
    let gateway = Arc::new(GuardedGateway::new(line.clone(), Arc::new(stage.clock())));
    let stockroom = stage.ports.stockroom.clone();
    let (mut app, ports, mug) =
        open_over(stage, orderly_orders::Settings::default(), stockroom, gateway.clone(), providers.carrier).await;
    let mut early = Vec::new();
    for _ in 0..EARLY {
        early.push(place(&app, &ports, mug).await);
    }
    app.wind(56 * MINUTE).await;
    assert!(!gateway.answers());
    assert_eq!(log.take("it does not answer, and is left in peace").len(), 1);
    let mut late = Vec::new();
    for _ in 0..LATE {
        late.push(place(&app, &ports, mug).await);
    }
    app.wind(4 * MINUTE).await;
    // Five calls until it is left in peace, and one a minute to find out: nobody else has called for an hour.
    let lost = line.lost.load(Relaxed);
    assert!(lost <= 5 + 60, "{lost} calls");
    let attempts = stage.read("SELECT state FROM payment_attempts WHERE state = 'lost'").await;
    assert_eq!(attempts.len(), 4, "each is one of those by which it was noticed");
    for &order in &early {
        assert_eq!(status(stage, order).await, OrderStatus::Expired, "order {order}");
    }
    for &order in &late {
        assert_eq!(status(stage, order).await, OrderStatus::PaymentProcessing, "order {order}");
    }
    assert_eq!(app.dead_letters().await.len(), 0);

    line.is_cut.store(false, Relaxed);
    app.wind(2 * MINUTE).await;
    assert!(gateway.answers());
    assert_eq!(log.take("it answers again").len(), 1);
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for &order in early.iter().chain(&late) {
        *ends.entry(status(stage, order).await.as_str()).or_default() += 1;
    }
    assert_eq!(ends, BTreeMap::from([("Delivered", LATE), ("Expired", EARLY)]));
    let kept = stage.read("SELECT state FROM payments WHERE state = 'captured'").await;
    assert_eq!(kept.len(), LATE, "nothing is kept for what expired");
    let report = audit(&stage.settings).await.unwrap();
    assert!(report.holds(), "{report}");
    app.finish().await;
}

/// At once and again at once, then the breaker opens and what wants stock waits.
pub(crate) async fn a_stockroom_that_fails_is_left_in_peace_and_nothing_is_given_up(stage: &Stage) {
    let approving = Simulators { approval_rate: 1.0, pending_rate: 0.0, ..Simulators::default() };
    let providers = simulators::open(&Settings { simulators: approving, ..stage.settings.clone() }).await.unwrap();
    let shelves = Arc::new(FailingStockroom::new(stage.ports.stockroom.clone(), |_| true));
    let stockroom = Arc::new(GuardedStockroom::new(shelves.clone(), Arc::new(stage.clock())));
    let (mut app, ports, mug) =
        open_over(stage, orderly_orders::Settings::default(), stockroom, providers.gateway, providers.carrier).await;
    let mut orders = Vec::new();
    for _ in 0..6 {
        orders.push(place(&app, &ports, mug).await);
    }
    app.settle().await;
    assert_eq!(shelves.lost(), 5, "immediate retries, until it is open");
    app.wind(4 * MINUTE).await;
    let lost = shelves.lost();
    assert!(lost <= 5 + 4, "{lost} calls");
    assert_eq!(app.dead_letters().await.len(), 0, "without the breaker each would be given up after eleven seconds");

    shelves.mend();
    app.wind(2 * MINUTE).await;
    for order in orders {
        assert_eq!(status(stage, order).await, OrderStatus::Delivered, "order {order}");
    }
    app.finish().await;
}
