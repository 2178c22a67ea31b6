//! The fulfilment saga as ARCHITECTURE.md draws it.

use orderly_orders::Fulfilment;
use wharf::testing::explore;

use super::*;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ARCHITECTURE.md");
const BEGIN: &str = "<!-- fulfilment, drawn by its test -->\n```mermaid\n";
const END: &str = "```\n<!-- so far fulfilment -->";
/// States that differ in what the drawing does not show included.
const STATES_MAX: usize = 1_000;

#[test]
fn the_drawing_in_architecture_md_is_what_the_saga_does() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("ARCHITECTURE.md keeps the mark where the drawing begins");
    let (drawn, after) = rest.split_once(END).expect("ARCHITECTURE.md keeps the mark where the drawing ends");
    let graph = explore(&Fulfilment::default(), every_event(), STATES_MAX).unwrap().to_string();

    if std::env::var_os("REDRAW").is_some() {
        std::fs::write(PAGE, format!("{before}{BEGIN}{graph}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(drawn, graph, "the drawing is stale; to redraw it: REDRAW=1 cargo test -p orderly-orders drawn");
}

fn every_event() -> [Event; 17] {
    [
        validated(),
        invalid(),
        reserved(),
        out_of_stock(),
        started(),
        approved(),
        declined(),
        unanswered(),
        disputed(),
        shipped(),
        delivered(),
        refused(),
        called_back(),
        cancel(),
        stale(),
        voided(),
        released(),
    ]
}
