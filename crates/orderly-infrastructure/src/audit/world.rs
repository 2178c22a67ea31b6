//! What the shop believes, beside what the providers did: what must hold of each order.

use super::{
    cases::{Case, Claim, Refund, each_case},
    findings::Findings,
    snapshot::Snapshot,
};
use crate::simulators::{Deed, DeedKind, Marks, Statement};

/// Compares every order with everything that was done under its number.
pub(super) async fn compare(
    shop: &mut Snapshot,
    books: Option<Statement>,
    marks: Marks,
    findings: &mut Findings,
) -> sqlx::Result<()> {
    each_case(shop, books, marks, |case| {
        for rule in RULES {
            findings.checked(rule.invariant, (rule.rows)(case) as u64);
            if let Some(detail) = (rule.broken)(case) {
                findings.add(rule.invariant, format!("order:{}", case.order), || detail);
            }
        }
    })
    .await
}

/// What must hold of a case.
struct Rule {
    invariant: &'static str,
    /// How many rows it looks at.
    rows: fn(&Case) -> usize,
    /// What breaks it.
    broken: fn(&Case) -> Option<String>,
}

const RULES: &[Rule] = &[
    Rule {
        invariant: "no-order-charged-twice",
        rows: |case| case.done(DeedKind::Capture).count(),
        broken: charged_twice,
    },
    Rule {
        invariant: super::CAPTURED_WITHIN_TOTAL,
        rows: |case| case.done(DeedKind::Refund).count(),
        broken: given_back_too_much,
    },
    Rule { invariant: "no-return-refunded-twice", rows: |case| case.refunds.len(), broken: refunded_twice },
    Rule {
        invariant: "payments-agree-with-provider",
        rows: |case| {
            case.payments().count()
                + case.refunds.len()
                + case.done(DeedKind::Capture).count()
                + case.done(DeedKind::Refund).count()
        },
        broken: payments_disagree,
    },
    Rule { invariant: super::NOTHING_KEPT, rows: |_| 0, broken: money_kept },
    Rule {
        invariant: "no-order-shipped-twice",
        rows: |case| case.done(DeedKind::Parcel).count(),
        broken: shipped_twice,
    },
    Rule {
        invariant: "shipments-agree-with-carrier",
        rows: |case| case.done(DeedKind::Parcel).count() + usize::from(case.tracking().is_some()),
        broken: shipments_disagree,
    },
];

/// Holds whatever is still to come: money that was taken twice cannot become right.
fn charged_twice(case: &Case) -> Option<String> {
    let names: Vec<_> = case.done(DeedKind::Capture).map(|capture| capture.name.as_str()).collect();
    (names.len() > 1).then(|| format!("was charged {} times: {}", names.len(), names.join(", ")))
}

/// Holds at every moment of the books.
fn given_back_too_much(case: &Case) -> Option<String> {
    let (captured, refunded) = (case.sum(DeedKind::Capture), case.sum(DeedKind::Refund));
    (refunded > captured).then(|| format!("captured {captured}, refunded {refunded}"))
}

/// Holds whatever is still to come: the key of a refund names its return.
fn refunded_twice(case: &Case) -> Option<String> {
    let times = |refund: &&Refund| case.done(DeedKind::Refund).filter(|deed| deed.key == refund.key).count();
    let twice = case.refunds.iter().find(|refund| times(refund) > 1);
    twice.map(|refund| format!("{} was given back {} times", refund.key, times(&refund)))
}

/// Each capture and refund that the shop has booked stands in the provider's books with its amount; and each that stood
/// there before was asked for. A payment that is requested or accepted may have been taken meanwhile; one that the shop
/// holds for declined or voided may not. Money only goes back for an order that is cancelled or expired, or for a return
/// of which the refund was put on record before.
fn payments_disagree(case: &Case) -> Option<String> {
    let of_key = |kind, key: &str| case.done(kind).find(|deed| deed.key == key);
    for payment in case.payments() {
        let Claim { key, state, capture, captured, currency, .. } = payment;
        let agrees = |deed: &Deed| deed.name == *capture && deed.amount == *captured && deed.currency == *currency;
        let (taken, given_back) = (of_key(DeedKind::Capture, key), of_key(DeedKind::Refund, key));
        match state.as_str() {
            "captured" | "refunded" if !taken.is_some_and(agrees) => {
                let booked = taken
                    .map_or("nothing".to_owned(), |deed| format!("{} of {} {}", deed.name, deed.amount, deed.currency));
                return Some(format!("{key} captured {capture} of {captured} {currency}, the provider took {booked}"));
            }
            "refunded" if !given_back.is_some_and(agrees) => {
                return Some(format!("{key} is refunded, and the provider has not given {capture} back"));
            }
            "declined" | "voided" if taken.is_some() => {
                return Some(format!("{key} is {state}, and the provider took money"));
            }
            _ => {}
        }
    }
    for refund in case.refunds.iter().filter(|refund| refund.is_made) {
        if !case.done(DeedKind::Refund).any(|deed| refund.is(deed)) {
            let Refund { key, amount, currency, .. } = refund;
            return Some(format!("{key} of {amount} {currency} is made, and the provider has not given it back"));
        }
    }
    for deed in case.deeds.iter().filter(|deed| case.marks.cover(deed)) {
        let asked_for = match deed.kind {
            DeedKind::Capture => case.payments().any(|payment| payment.key == deed.key),
            DeedKind::Refund => {
                matches!(case.status(), Some("Cancelled" | "Expired"))
                    || case.refunds.iter().any(|refund| refund.is(deed))
            }
            DeedKind::Parcel => true,
        };
        if !asked_for {
            let did = if deed.kind == DeedKind::Capture { "took" } else { "gave back" };
            return Some(format!("the provider {did} {} under {}, and nobody asked for it", deed.amount, deed.key));
        }
    }
    None
}

/// Once its saga has ended, nothing is kept for an order that is cancelled or expired. Payments gives money back before
/// the saga hears of it, so the books cannot lag behind.
fn money_kept(case: &Case) -> Option<String> {
    let claim = case.claims.first()?;
    let kept = case.sum(DeedKind::Capture) - case.sum(DeedKind::Refund);
    let is_called_off = claim.is_over == 1 && matches!(claim.status.as_str(), "Cancelled" | "Expired");
    (is_called_off && kept != 0).then(|| format!("is {}, and the provider keeps {kept}", claim.status))
}

/// Holds whatever is still to come.
fn shipped_twice(case: &Case) -> Option<String> {
    let keys: Vec<_> = case.done(DeedKind::Parcel).map(|parcel| parcel.key.as_str()).collect();
    (keys.len() > 1).then(|| format!("was shipped {} times: {}", keys.len(), keys.join(", ")))
}

/// An order that is shipped has a parcel, the one on record; and a parcel that was there before is of an order that was
/// paid by then. An order is cancelled or expired only once it is certain that no parcel leaves, so it has none.
fn shipments_disagree(case: &Case) -> Option<String> {
    let mut parcels = case.done(DeedKind::Parcel);
    if let Some(tracking) = case.tracking()
        && !parcels.any(|parcel| parcel.name == tracking)
    {
        return Some(format!("its parcel is {tracking}, and the carrier has none of this number"));
    }
    match case.status() {
        Some("Shipped" | "Delivered") if case.tracking().is_none() => Some("is shipped, and has no parcel".to_owned()),
        Some("Paid" | "Shipped" | "Delivered") => None,
        Some(status @ ("Cancelled" | "Expired")) => {
            case.done(DeedKind::Parcel).next().map(|parcel| format!("is {status}, and the carrier has {}", parcel.name))
        }
        status => case
            .done(DeedKind::Parcel)
            .find(|parcel| case.marks.cover(parcel))
            .map(|parcel| format!("is {}, and the carrier has {}", status.unwrap_or("unknown"), parcel.name)),
    }
}
