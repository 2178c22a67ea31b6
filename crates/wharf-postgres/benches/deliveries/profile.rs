//! What a delivery is paid with besides time: statements, each a round trip, and what the server counted meanwhile.
//!
//! Last of all parts, since who counts statements has each of them logged, and that takes time of its own.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::{
    Event, Metadata, Subscriber,
    span::{Attributes, Id, Record},
};

use crate::{
    noop,
    place::{Place, fill},
    table::Take,
    work,
};

const NOOP_MESSAGES: u64 = 100_000;

pub(crate) async fn measure(place: &Place) {
    tracing::subscriber::set_global_default(Statements).unwrap();
    fill(place, NOOP_MESSAGES, noop::ENDPOINTS).await;
    let counted = Statements::begin();
    counted.print("no-op", NOOP_MESSAGES, noop::our_rate(place, NOOP_MESSAGES).await);
    for case in work::CASES {
        let counted = Statements::begin();
        counted.print(&case.name(), work::TOTAL, work::our_rate(place, case, work::TOTAL).await);
    }
}

static SENT: AtomicU64 = AtomicU64::new(0);

/// Counts the statements that sqlx logs.
struct Statements;

/// How many there were before.
struct Counted(u64);

impl Statements {
    fn begin() -> Counted {
        Counted(SENT.load(Ordering::Relaxed))
    }
}

impl Counted {
    fn print(&self, case: &str, messages: u64, take: Take) {
        let statements = (SENT.load(Ordering::Relaxed) - self.0) as f64 / messages as f64;
        println!("profile, {case}: {statements:.3} statements, {:.3} commits a delivery", take.cost.commits);
    }
}

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn event(&self, _: &Event<'_>) {
        SENT.fetch_add(1, Ordering::Relaxed);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
