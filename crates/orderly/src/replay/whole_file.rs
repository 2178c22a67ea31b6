//! Tests of both passes together, on generated files and on small ones written out.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use tempfile::NamedTempFile;

use crate::table::peak_rss_mib;

use super::order_file::{self, HEADER};
use super::{
    file::OrderFile,
    plan::{Plan, Step, Tally},
    rejects::{Rejects, WriteError},
    survey::Survey,
};

fn stored(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

struct Planned {
    survey: Arc<Survey>,
    steps: Vec<Step>,
    tally: Tally,
}

fn plan(path: &Path, limit: Option<u64>) -> Planned {
    let file = OrderFile::open(path).unwrap();
    let survey = Arc::new(Survey::of(&file).unwrap());
    let mut plan = Plan::new(&file, Arc::clone(&survey), limit).unwrap();
    let steps = plan.by_ref().collect::<Result<_, _>>().unwrap();
    Planned { survey, steps, tally: plan.tally() }
}

/// What becomes of `lines` below the header, step by step; lines are written `invoice code quantity price customer`.
fn check(lines: &str) -> String {
    check_limited(lines, None)
}

fn check_limited(lines: &str, limit: Option<u64>) -> String {
    let mut text = format!("{HEADER}\n");
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut fields = line.split_whitespace();
        let mut field = || fields.next().unwrap_or_default();
        let [invoice, code, quantity, price, customer] = [field(), field(), field(), field(), field()];
        text += &format!("{invoice},{code},thing,{quantity},2011-01-01T08:00:00,{price},{customer},France\n");
    }
    let planned = plan(stored(&text).path(), limit);
    let mut shown = String::new();
    for step in &planned.steps {
        shown += &match step {
            Step::Place(invoice) => {
                let lines = invoice.lines.iter();
                let lines = lines.map(|line| format!("{} x {} at {}", line.quantity, line.sku, line.unit_price_minor));
                let customer = invoice.customer.map_or("walk-in".to_owned(), |id| id.to_string());
                format!("place {} for {customer}: {}\n", invoice.number, lines.collect::<Vec<_>>().join(", "))
            }
            Step::Cancel(c) => format!("cancel {} by {}, lines {:?}\n", c.of, c.number, c.line_numbers),
            Step::TakeBack(r) => format!("return {} x {} of {} as {}\n", r.quantity, r.sku, r.of, r.reference()),
            Step::Reject(rejected) => format!("reject line {}: {}\n", rejected.line_number, rejected.reason.as_str()),
        };
    }
    shown
}

#[test]
fn lines_of_equal_product_and_price_merge() {
    insta::assert_snapshot!(check("
        1 22423a 2 1.00 7
        1 22423  1 1.00 7
        1 22423A 3 1.00 7
        1 22423A 5 1.50 7
    "), @"place 1 for 7: 5 x 22423A at 100, 1 x 22423 at 100, 5 x 22423A at 150");
}

#[test]
fn an_invoice_whose_lines_stand_in_two_places_is_one_order() {
    insta::assert_snapshot!(check("
        1 22423 1 1.00 7
        2 22424 1 1.00 8
        C3 22423 -1 1.00 7
        1 22425 1 1.00 7
        4 22424 1 1.00 8
    "), @"
    place 2 for 8: 1 x 22424 at 100
    reject line 4: matches-no-order
    place 1 for 7: 1 x 22423 at 100, 1 x 22425 at 100
    place 4 for 8: 1 x 22424 at 100
    ");
}

#[test]
fn a_limit_counts_invoices_and_takes_each_with_all_its_lines() {
    insta::assert_snapshot!(check_limited("
        1 22423 1 1.00 7
        A2 B 1 1.00
        3 22424 1 1.00 8
        1 22425 1 1.00 7
        4 22424 1 1.00 8
    ", Some(2)), @"
    reject line 3: not-an-order
    place 1 for 7: 1 x 22423 at 100, 1 x 22425 at 100
    ");
    assert_eq!(check_limited("1 22423 1 1.00 7", Some(0)), "");
}

#[test]
fn a_cancellation_takes_back_the_newest_order_that_still_stands() {
    insta::assert_snapshot!(check("
        1 22423 2 1.00 7
        2 22423 2 1.00 7
        3 22423 2 1.00 8
        C4 22423 -1 1.00 7
        C5 22423 -1 1.00 7
        C5 22423 -1 1.00 7
        C6 22423 -2 1.00 7
        C7 22423 -2 1.00 7
    "), @"
    place 1 for 7: 2 x 22423 at 100
    place 2 for 7: 2 x 22423 at 100
    place 3 for 8: 2 x 22423 at 100
    return 1 x 22423 of 2 as C4:5
    cancel 1 by C5, lines [6, 7]
    reject line 8: more-than-is-left
    reject line 9: more-than-is-left
    ");
}

#[test]
fn the_walk_in_customer_is_a_customer_like_any_other() {
    insta::assert_snapshot!(check("
        1 22423 2 1.00
        C2 22423 -2 1.00 7
        C3 22423 -2 1.00
    "), @"
    place 1 for walk-in: 2 x 22423 at 100
    reject line 3: matches-no-order
    cancel 1 by C3, lines [4]
    ");
}

#[test]
fn a_return_must_match_customer_product_price_and_quantity_and_come_after_the_order() {
    insta::assert_snapshot!(check("
        C1 22423 -2 1.00 7
        2 22423 2 1.00 7
        2 22424 1 3.00 7
        C3 22423 -2 1.00 7
        C4 22423 -2 1.00 7
        C4 22424 -1 2.99 7
        C5 22423 -3 1.00 7
        C6 22423 -2 1.00 7
        C6 22424 -1 3.00 7
        C6 POST -1 18.00 7
        C7 22423 2 1.00 7
        C8 22424 -1 3.00 7
        C8 22423 -2 1.00 7
    "), @"
    reject line 2: matches-no-order
    place 2 for 7: 2 x 22423 at 100, 1 x 22424 at 300
    return 2 x 22423 of 2 as C3:5
    reject line 6: more-than-is-left
    return 1 x 22424 of 2 as C4:7
    reject line 8: more-than-is-left
    reject line 9: more-than-is-left
    reject line 10: more-than-is-left
    reject line 11: matches-no-order
    reject line 12: matches-no-order
    reject line 13: more-than-is-left
    reject line 14: more-than-is-left
    ");
}

#[test]
fn a_cancellation_with_a_malformed_line_is_not_trusted() {
    insta::assert_snapshot!(check("
        1 22423 2 1.00 7
        C2 22423 -2 1.00 7
        C2 22424 some 1.00 7
    "), @"
    place 1 for 7: 2 x 22423 at 100
    reject line 4: malformed
    return 2 x 22423 of 1 as C2:3
    ");
}

#[test]
fn the_first_reason_that_fits_is_given() {
    insta::assert_snapshot!(check("
        A1 22423 many 1.00
        A1 POST 0 0
        2 22423 1 1.00 somebody
        2 POST 0 0
        2 22423 0 0
        2 22423 1 -0.001
        2 22423 1 0.001
    "), @"
    reject line 2: malformed
    reject line 3: not-an-order
    reject line 4: malformed
    reject line 5: not-a-product
    reject line 6: non-positive-quantity
    reject line 7: non-positive-price
    reject line 8: sub-cent-price
    ");
}

#[test]
fn products_are_surveyed_from_order_lines_of_the_whole_file() {
    let text = format!(
        "{HEADER}\n\
         1,22423a,OLD NAME,2,2011-01-01T08:00:00,1.00,7,France\n\
         2,22423A,NEW NAME,3,2011-01-01T08:00:00,1.00,7,France\n\
         3,22423A,,5,2011-01-01T08:00:00,1.20,7,France\n\
         4,22423A,damaged,-4,2011-01-01T08:00:00,0,,France\n\
         5,22424,,1,2011-01-01T08:00:00,1.00,7,France\n\
         C6,22423A,returned,-2,2011-01-01T08:00:00,1.00,7,France\n"
    );
    let planned = plan(stored(&text).path(), Some(1));
    let products = planned.survey.products().iter();
    let products: Vec<_> =
        products.map(|p| format!("{} {} {} at {}", p.sku, p.name, p.opening_stock, p.unit_price_minor)).collect();
    assert_eq!(products, ["22423A NEW NAME 10 at 120", "22424 22424 1 at 100"]);
}

#[test]
fn rejected_lines_are_written_with_their_text_in_the_order_of_the_file() {
    let text = format!(
        "{HEADER}\n\
         1,POST,POSTAGE,1,2011-01-01T08:00:00,18.00,7,France\n\
         1,22423,ok,1,2011-01-01T08:00:00,1.00,7,France\n\
         cut off,\"he said \"\"no\"\"\n\
         C2,22423,ok,-1,2011-01-01T08:00:00,1.00,7,France\n\
         3,22423,\"a, b\",0,2011-01-01T08:00:00,1.00,,France\n"
    );
    let orders = stored(&text);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rejected.csv");
    let file = OrderFile::open(orders.path()).unwrap();
    for _run in 0..2 {
        let mut rejects = Rejects::default();
        for step in plan(orders.path(), None).steps {
            match step {
                Step::Place(_) => {}
                Step::Cancel(cancellation) => rejects.add_too_late(&cancellation),
                Step::TakeBack(part) => rejects.add_undelivered(&part),
                Step::Reject(rejected) => rejects.add(rejected),
            }
        }
        rejects.write(&file, &path).unwrap();
        assert_eq!(rejects.len(), 4);
        insta::allow_duplicates! {
            insta::assert_snapshot!(std::fs::read_to_string(&path).unwrap(), @r#"
    line,reason,invoice,stock_code,description,quantity,invoice_date,unit_price,customer,country
    2,not-a-product,1,POST,POSTAGE,1,2011-01-01T08:00:00,18.00,7,France
    4,malformed,cut off,"he said ""no""",,,,,,
    5,no-longer-cancellable,C2,22423,ok,-1,2011-01-01T08:00:00,1.00,7,France
    6,non-positive-quantity,3,22423,"a, b",0,2011-01-01T08:00:00,1.00,,France
    "#);
        }
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside the file");
}

#[test]
fn rejected_lines_that_cannot_be_written_are_an_error_that_names_the_file() {
    let orders = stored(&format!("{HEADER}\n"));
    let file = OrderFile::open(orders.path()).unwrap();
    let over_itself = Rejects::default().write(&file, orders.path()).unwrap_err();
    assert!(matches!(over_itself, WriteError::OverOrderFile { .. }));
    let error = Rejects::default().write(&file, Path::new("/nowhere/rejected.csv")).unwrap_err();
    insta::assert_snapshot!(error, @"cannot write the rejected lines to /nowhere/rejected.csv: No such file or directory (os error 2)");
}

#[test]
fn a_plan_can_be_read_on_a_thread_of_its_own() {
    fn can_be_sent<T: Send + 'static>() {}
    can_be_sent::<Plan>();
    can_be_sent::<Rejects>();
}

/// What must hold of any file: each line ends in exactly one place.
fn nothing_is_dropped_in_silence(text: &str, planned: &Planned) {
    let Tally { lines, order_lines, merged_lines, cancellation_lines, return_lines, rejected_lines, .. } =
        planned.tally;
    assert_eq!(lines, order_lines + merged_lines + cancellation_lines + return_lines + rejected_lines, "{text}");
    let mut decided = BTreeSet::new();
    let mut placed = BTreeSet::new();
    let mut left: BTreeMap<_, i64> = BTreeMap::new();
    for step in &planned.steps {
        match step {
            Step::Place(invoice) => {
                assert!(placed.insert(Arc::clone(&invoice.number)), "placed twice: {invoice:?}");
                assert!(invoice.lines.iter().all(|line| line.quantity > 0 && line.unit_price_minor > 0));
                for line in &invoice.lines {
                    *left.entry((Arc::clone(&invoice.number), Arc::clone(&line.sku))).or_default() += line.quantity;
                }
            }
            Step::Cancel(cancellation) => {
                assert!(placed.contains(&cancellation.of), "cancelled twice or before its place: {cancellation:?}");
                placed.remove(&cancellation.of);
                assert!(cancellation.line_numbers.iter().all(|line| decided.insert(*line)));
            }
            Step::TakeBack(part) => {
                assert!(placed.contains(&part.of), "of an order that is cancelled, or never was: {part:?}");
                assert!(decided.insert(part.line_number), "decided twice: {part:?}");
                let left = left.entry((Arc::clone(&part.of), Arc::clone(&part.sku))).or_default();
                *left -= part.quantity;
                assert!(part.quantity > 0 && *left >= 0, "more than was ordered: {part:?}");
            }
            Step::Reject(rejected) => assert!(decided.insert(rejected.line_number), "rejected twice: {rejected:?}"),
        }
    }
}

/// Field values of which most make sense and some do not.
fn any_file() -> impl Strategy<Value = String> {
    let invoice = prop::sample::select(vec!["1", "2", "3", "C4", "C5", "C6", "A7", ""]);
    let code = prop::sample::select(vec!["22423", "22424a", "22424A", "POST"]);
    let quantity = prop::sample::select(vec!["1", "2", "-1", "-2", "0", "x"]);
    let price = prop::sample::select(vec!["1.00", "1", "2.5", "0", "0.001", "-1"]);
    let customer = prop::sample::select(vec!["", "7"]);
    let usual = (invoice, code, quantity, price, customer).prop_map(|(invoice, code, quantity, price, customer)| {
        format!("{invoice},{code},thing,{quantity},2011-01-01T08:00:00,{price},{customer},France")
    });
    let line = prop_oneof![20 => usual, 1 => "[\",\\n\\ra1é]{0,20}"];
    prop::collection::vec(line, 0..40).prop_map(|lines| format!("{HEADER}\n{}\n", lines.join("\n")))
}

proptest! {
    #[test]
    fn of_any_file_every_line_ends_in_one_place(text in any_file(), limit in prop::option::of(0_u64..8)) {
        let file = stored(&text);
        let planned = plan(file.path(), limit);
        nothing_is_dropped_in_silence(&text, &planned);
    }

    #[test]
    fn a_higher_limit_plans_the_same_orders_and_more(text in any_file(), limit in 0_u64..8) {
        let file = stored(&text);
        let placed = |limit| {
            let steps = plan(file.path(), limit).steps.into_iter();
            steps.filter(|step| matches!(step, Step::Place(_) )).collect::<Vec<_>>()
        };
        let (some, all) = (placed(Some(limit)), placed(None));
        prop_assert!(some.iter().all(|step| all.contains(step)));
    }

    #[test]
    fn a_generated_file_is_planned_as_its_maker_meant_it(seed: u64, orders in 1_usize..60) {
        let meant = order_file::OrderFile::generate(seed, orders);
        let planned = plan(stored(&meant.text).path(), None);
        nothing_is_dropped_in_silence(&meant.text, &planned);

        let mut placed = Vec::new();
        let mut cancellations = Vec::new();
        let mut returns = Vec::new();
        let mut rejected = Vec::new();
        for step in planned.steps {
            match step {
                Step::Place(invoice) => placed.push(invoice.number.to_string()),
                Step::Cancel(c) => cancellations.push((c.number.to_string(), c.of.to_string())),
                Step::TakeBack(part) => returns.push((part.line_number, part.of.to_string(), part.quantity)),
                Step::Reject(line) => rejected.push(line),
            }
        }
        prop_assert_eq!(&placed, &meant.orders);
        prop_assert_eq!(&cancellations, &meant.cancellations);
        prop_assert_eq!(&returns, &meant.returns);
        let tally = planned.tally;
        prop_assert_eq!(tally.lines, meant.lines);
        prop_assert_eq!(tally.invoices, meant.invoices);
        prop_assert_eq!(tally.order_lines, meant.order_lines);
        prop_assert_eq!(tally.merged_lines, meant.merged_lines);
        prop_assert_eq!(tally.cancellation_lines, meant.cancellation_lines);
        prop_assert_eq!(tally.return_lines, meant.returns.len() as u64);
        let mut rejects = Rejects::default();
        rejected.iter().for_each(|line| rejects.add(*line));
        let told: Vec<_> = rejected.iter().map(|line| (line.line_number, line.reason.as_str())).collect();
        prop_assert_eq!(&told, &meant.rejected);
        let rejections = rejects.by_reason();
        let rejections = rejections.iter().map(|(reason, lines)| (reason.as_str(), *lines)).collect();
        prop_assert_eq!(meant.rejections(), rejections);
        let stock = planned.survey.products().iter().map(|p| (p.sku.to_string(), p.opening_stock)).collect();
        prop_assert_eq!(meant.opening_stock, stock);
    }
}

#[test]
fn a_generated_file_has_lines_of_every_reason_and_is_the_same_for_the_same_seed() {
    let file = order_file::OrderFile::generate(7, 60);
    let reasons: Vec<_> = file.rejections().into_keys().collect();
    assert_eq!(
        reasons,
        [
            "malformed",
            "matches-no-order",
            "more-than-is-left",
            "non-positive-price",
            "non-positive-quantity",
            "not-a-product",
            "not-an-order",
            "sub-cent-price",
        ]
    );
    assert!(file.cancellation_lines > 0 && file.merged_lines > 0 && !file.returns.is_empty());
    assert_eq!(file.text, order_file::OrderFile::generate(7, 60).text);
}

/// Run with `ORDERLY_ORDER_FILE=… cargo test --release -p orderly figures -- --ignored --nocapture`.
#[test]
#[ignore = "shows figures of a real file"]
#[expect(clippy::print_stdout, reason = "to be read by a person")]
fn figures_of_a_real_file() {
    let path = std::env::var("ORDERLY_ORDER_FILE").unwrap();
    let file = OrderFile::open(path).unwrap();
    let begun = std::time::Instant::now();
    let survey = Arc::new(Survey::of(&file).unwrap());
    let surveyed = begun.elapsed();
    let mut rejects = Rejects::default();
    let mut plan = Plan::new(&file, Arc::clone(&survey), None).unwrap();
    for step in plan.by_ref() {
        if let Step::Reject(rejected) = step.unwrap() {
            rejects.add(rejected);
        }
    }
    let planned = begun.elapsed() - surveyed;
    let directory = tempfile::tempdir().unwrap();
    rejects.write(&file, &directory.path().join("rejected.csv")).unwrap();
    let written = begun.elapsed() - surveyed - planned;
    println!(
        "{} products of {} pieces",
        survey.products().len(),
        survey.products().iter().map(|p| p.opening_stock).sum::<i64>()
    );
    println!("{:#?}\n{:#?}", plan.tally(), rejects.by_reason());
    println!("survey {surveyed:?}, plan {planned:?}, rejects {written:?}, peak {:?} MiB", peak_rss_mib());
}
