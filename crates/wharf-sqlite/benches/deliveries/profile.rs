//! What a delivery is paid with besides time: statements, each a hop to the connection's thread, commits, and processor
//! time.
//!
//! Last of all parts, since who counts statements has each of them logged, and that takes time of its own. Processor time
//! is taken before they are counted.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use tracing::{
    Event, Metadata, Subscriber,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};

use crate::{Place, Sqlite, drain, fill, messages_for, with_tx_in};

const NOOP_MESSAGES: u64 = 100_000;
/// The kernel counts processor time in hundredths of a second.
const TICKS_PER_S: f64 = 100.0;

pub(crate) async fn measure() {
    tracing::subscriber::set_global_default(Statements).unwrap();
    let place = Place::new();
    let engine = Sqlite::open(place.path()).await.unwrap();
    for counts in [false, true] {
        fill(&engine, NOOP_MESSAGES).await;
        let used = Used::begin(&engine, counts);
        drain(&engine, NOOP_MESSAGES).await;
        used.print(&engine, "no Tx", NOOP_MESSAGES);
    }
    engine.close().await;
    for (lanes, share) in [(1, 1), (1, 32), (8, 1), (8, 32), (32, 1), (32, 32)] {
        for counts in [false, true] {
            let (place, messages) = (Place::new(), messages_for(lanes));
            let engine = with_tx_in(&place, messages, share).await;
            let used = Used::begin(&engine, counts);
            crate::work_off(&engine, lanes, messages).await;
            used.print(&engine, &format!("Tx, {lanes} at once, up to {share} share a commit"), messages);
            engine.close().await;
        }
    }
}

static COUNTS: AtomicBool = AtomicBool::new(false);
static SENT: AtomicU64 = AtomicU64::new(0);

/// What was used before.
struct Used {
    statements: u64,
    commits: u64,
    here_s: f64,
}

impl Used {
    fn begin(engine: &Sqlite, counts: bool) -> Self {
        COUNTS.store(counts, Ordering::Relaxed);
        Self { statements: SENT.load(Ordering::Relaxed), commits: engine.commits(), here_s: here_s() }
    }

    fn print(&self, engine: &Sqlite, case: &str, messages: u64) {
        let each = |used: f64| used / messages as f64;
        let commits = each((engine.commits() - self.commits) as f64);
        if COUNTS.swap(false, Ordering::Relaxed) {
            let statements = each((SENT.load(Ordering::Relaxed) - self.statements) as f64);
            println!("profile, {case}: {statements:.3} statements, {commits:.3} commits a delivery");
        } else {
            println!("profile, {case}: {:.1} µs of processor time a delivery", each(here_s() - self.here_s) * 1e6);
        }
    }
}

/// Processor time of this process, SQLite's threads with it.
fn here_s() -> f64 {
    let line = fs::read_to_string("/proc/self/stat").unwrap();
    // The name before stands in parentheses and may hold anything. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    let (_, fields) = line.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap());
    ticks.sum::<f64>() / TICKS_PER_S
}

/// Counts the statements that sqlx logs.
struct Statements;

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query" && COUNTS.load(Ordering::Relaxed)
    }

    /// Asked anew each time, as the answer changes.
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
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
