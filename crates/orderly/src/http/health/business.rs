//! How the shop's business is, as its own records tell. What is wrong here makes nobody unready: the program works, and
//! people have to see to it. Reasons name no data, since strangers may read them.

use crate::http::Shop;

/// One thing that was looked at.
pub(super) struct Finding {
    pub(super) name: &'static str,
    /// Why people have to see to it; `None` when all is well.
    pub(super) reason: Option<String>,
}

pub(super) fn findings(shop: &Shop) -> Vec<Finding> {
    [Some(provider(shop)), records(shop)].into_iter().flatten().collect()
}

fn provider(shop: &Shop) -> Finding {
    let reason = "payment-provider: it does not answer, and is left in peace until it does";
    Finding { name: "payment-provider", reason: (!shop.infrastructure.gateway.answers()).then(|| reason.to_owned()) }
}

/// `None` before this process has first compared them.
fn records(shop: &Shop) -> Option<Finding> {
    let report = shop.reconciler.last()?;
    let more = if report.and_more.is_empty() { "" } else { "more than " };
    let reason = format!("records: {more}{} differences; see `orderly reconcile`", report.differences.len());
    Some(Finding { name: "records", reason: (!report.agrees()).then_some(reason) })
}
