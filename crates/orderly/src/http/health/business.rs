//! How the shop's business is, as its own records tell. What is wrong here makes nobody unready: the program works, and
//! people have to see to it. Reasons name no data, since strangers may read them.

use std::time::Duration;

use orderly_orders::Stall;

use super::Patient;

/// How much later than it should something may happen to an order before it is worth a word.
const GRACE: Duration = Duration::from_secs(120);
/// What is counted at most.
const COUNTED_MAX_ORDERS: u32 = 1_000;

/// One thing that was looked at.
pub(super) struct Finding {
    pub(super) name: &'static str,
    /// Why people have to see to it; `None` when all is well.
    pub(super) reason: Option<String>,
}

pub(super) async fn findings(patient: &Patient) -> Vec<Finding> {
    [stalled(patient).await, Some(provider(patient)), Some(carrier(patient)), records(patient)]
        .into_iter()
        .flatten()
        .collect()
}

/// Of every tenant. `None` when the database does not answer, which has a check of its own.
async fn stalled(patient: &Patient) -> Option<Finding> {
    let settings = &patient.orders;
    let patience = settings.stale_after + settings.expiry_sweep_period + GRACE;
    let stalled = patient.infrastructure.overview.stalled(patience, GRACE, COUNTED_MAX_ORDERS).await;
    let stalled = stalled.inspect_err(|error| tracing::warn!(%error, "stalled orders could not be counted")).ok()?;
    let count = |why| stalled.iter().filter(|stalled| stalled.why == why).count();
    let by_reason: Vec<_> = Stall::ALL
        .into_iter()
        .filter(|&why| count(why) > 0)
        .map(|why| format!("{} {}", count(why), why.as_str()))
        .collect();
    let reason = (!by_reason.is_empty()).then(|| format!("orders: stalled are {}", by_reason.join(", ")));
    Some(Finding { name: "orders", reason })
}

fn provider(patient: &Patient) -> Finding {
    let reason = "payment-provider: it does not answer, and is left in peace until it does";
    Finding { name: "payment-provider", reason: (!patient.infrastructure.gateway.answers()).then(|| reason.to_owned()) }
}

fn carrier(patient: &Patient) -> Finding {
    let reason = "carrier: it has not answered of late; shipments are tried again";
    Finding { name: "carrier", reason: (!patient.infrastructure.carrier.answers()).then(|| reason.to_owned()) }
}

/// `None` before this process has first compared them.
fn records(patient: &Patient) -> Option<Finding> {
    let report = patient.reconciler.last()?;
    let more = if report.and_more.is_empty() { "" } else { "more than " };
    let reason = format!("records: {more}{} differences; see `orderly reconcile`", report.differences.len());
    Some(Finding { name: "records", reason: (!report.agrees()).then_some(reason) })
}
