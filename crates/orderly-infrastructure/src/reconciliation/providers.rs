//! The shop's ledger and shipments beside what the providers did, order by order.

use std::collections::BTreeMap;

use super::{Difference, Reconciliation, Side};
use crate::{
    audit::{
        cases::{Case, each_case},
        snapshot::Snapshot,
    },
    simulators::{Deed, DeedKind, Marks, Statement},
};

const CAPTURES: &str = "provider-captures";
const REFUNDS: &str = "provider-refunds";
const PARCELS: &str = "carrier-parcels";

/// Compares every order with everything that was done under its number.
pub(super) async fn compare(
    shop: &mut Snapshot,
    books: Option<Statement>,
    marks: Marks,
    report: &mut Reconciliation,
) -> sqlx::Result<()> {
    let mut found: [Vec<Difference>; 3] = Default::default();
    each_case(shop, books, marks, |case| {
        let subject = || format!("order:{}", case.order);
        let told = |code, [one, other]: [(&'static str, String); 2]| {
            let side = |(record, says)| Side { record, says };
            Difference { code, subject: subject(), sides: [side(one), side(other)] }
        };
        let sides = [(CAPTURES, DeedKind::Capture), (REFUNDS, DeedKind::Refund)].map(|(code, kind)| {
            report.compared(code, case.done(kind).count() as u64);
            money(case, kind).map(|sides| told(code, sides))
        });
        let parcels = parcels(case).map(|sides| told(PARCELS, sides));
        report.compared(PARCELS, case.done(DeedKind::Parcel).count() as u64);
        let [captures, refunds] = sides;
        for (found, difference) in found.iter_mut().zip([captures, refunds, parcels]) {
            // One more than is listed, so that the report knows that there are more.
            found.extend(difference.filter(|_| found.len() <= super::DIFFERENCES_PER_CODE_MAX));
        }
    })
    .await?;
    found.into_iter().flatten().for_each(|difference| report.add(difference));
    Ok(())
}

/// A provider does before the ledger says so. So the ledger never says more than was done afterwards; and once nothing
/// about the order is under way, no less than was done beforehand.
fn money(case: &Case, kind: DeedKind) -> Option<[(&'static str, String); 2]> {
    let booked = booked(case, kind);
    let done = sums(case.done(kind));
    let before = sums(case.done(kind).filter(|deed| case.marks.cover(deed)));
    let of = |sums: &Sums, currency: &str| sums.get(currency).copied().unwrap_or_default();
    let is_too_much = booked.iter().any(|(currency, &minor)| minor > of(&done, currency));
    let is_too_little = before.iter().any(|(currency, &minor)| minor > of(&booked, currency));
    let differs = is_too_much || (is_too_little && !is_under_way(case));
    differs.then(|| [("the ledger says", told(&booked)), ("the provider", told(&done))])
}

/// The parcel on record is at the carrier; and once nothing about the order is under way, no other is.
fn parcels(case: &Case) -> Option<[(&'static str, String); 2]> {
    let on_record = case.tracking();
    let is_at_carrier = |tracking| case.done(DeedKind::Parcel).any(|parcel| parcel.name == tracking);
    let is_lost = on_record.is_some_and(|tracking| !is_at_carrier(tracking));
    let mut others = case.done(DeedKind::Parcel).filter(|parcel| Some(parcel.name.as_str()) != on_record);
    let has_others = others.any(|parcel| case.marks.cover(parcel)) && !is_under_way(case);
    (is_lost || has_others).then(|| {
        let names: Vec<_> = case.done(DeedKind::Parcel).map(|parcel| parcel.name.as_str()).collect();
        let at_carrier = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        [("the shop knows parcel", on_record.unwrap_or("none").to_owned()), ("the carrier has", at_carrier)]
    })
}

/// Minor units, by currency.
type Sums = BTreeMap<String, i64>;

fn sums<'a>(deeds: impl Iterator<Item = &'a Deed>) -> Sums {
    deeds.fold(Sums::new(), |mut sums, deed| {
        *sums.entry(deed.currency.clone()).or_default() += deed.amount;
        sums
    })
}

fn booked(case: &Case, kind: DeedKind) -> Sums {
    let deed = match kind {
        DeedKind::Capture => "capture",
        DeedKind::Refund => "refund",
        DeedKind::Parcel => return Sums::new(),
    };
    let Some(claim) = case.claims.first() else { return Sums::new() };
    let entry = |entry: &str| {
        let mut words = entry.split(' ');
        let minor = (words.next() == Some(deed)).then(|| words.next()?.parse().ok())??;
        Some((words.next()?.to_owned(), minor))
    };
    claim.booked.split(',').filter_map(entry).collect()
}

/// As `250 GBP`.
fn told(sums: &Sums) -> String {
    if sums.is_empty() {
        return "nothing".to_owned();
    }
    sums.iter().map(|(currency, minor)| format!("{minor} {currency}")).collect::<Vec<_>>().join(", ")
}

fn is_under_way(case: &Case) -> bool {
    case.claims.first().is_some_and(|claim| claim.is_under_way == 1)
}
