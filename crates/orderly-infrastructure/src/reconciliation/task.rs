//! `reconciliation`: every so often, the records are compared, and each difference is told once.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wharf::{Job, Key, Module, Msg, Overlap, Result, Run, Schedule, State, Timetable, outside};

use super::{Reconciliation, reconcile};
use crate::Settings;

/// Compare the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReconcileRecords {}

impl Job for ReconcileRecords {
    const NAME: &'static str = "reconciliation.run";

    fn key(&self) -> Key {
        Key::new("sweep", "reconciliation")
    }
}

/// Who compares the records for this process, and remembers what it last found. Clones share what they remember.
#[derive(Debug, Clone)]
pub struct Reconciler {
    settings: Settings,
    last: Arc<Mutex<Option<Arc<Reconciliation>>>>,
}

/// The module, as a worker runs it.
pub fn module(reconciler: Reconciler, period: Duration) -> Module<Reconciler> {
    Module::new("reconciliation", reconciler)
        .job("reconciliation", reconcile_records)
        // One that takes longer than the period is not joined by a second.
        .schedule(Schedule::new(Timetable::every(period), ReconcileRecords {}).overlap(Overlap::Skip))
}

async fn reconcile_records(
    Msg(ReconcileRecords {}): Msg<ReconcileRecords>,
    State(reconciler): State<Reconciler>,
    run: Run,
) -> Result<Compared> {
    let report = outside(reconcile(&reconciler.settings)).await??;
    for difference in &report.differences {
        run.error(format!("{}: {}", difference.code, difference.subject));
    }
    let differences = report.differences.len();
    reconciler.tell(report);
    Ok(Compared { differences })
}

/// What a comparison found.
#[derive(Debug, Serialize)]
struct Compared {
    differences: usize,
}

impl Reconciler {
    /// Compares what these settings connect to.
    pub fn new(settings: Settings) -> Self {
        Self { settings, last: Arc::default() }
    }

    /// What was found when this process last compared; `None` before that.
    pub fn last(&self) -> Option<Arc<Reconciliation>> {
        self.remembered().clone()
    }

    /// A difference is told when it is new, not as long as it stands.
    fn tell(&self, report: Reconciliation) {
        let mut last = self.remembered();
        let before = last.take();
        let known: BTreeSet<_> = before.iter().flat_map(|before| before.differences.iter().map(identity)).collect();
        for difference in &report.differences {
            if !known.contains(&identity(difference)) {
                let [one, other] = &difference.sides;
                tracing::error!(
                    code = difference.code,
                    subject = difference.subject,
                    one = format!("{} {}", one.record, one.says),
                    other = format!("{} {}", other.record, other.says),
                    "two records do not agree"
                );
            }
        }
        let gone = known.len().saturating_sub(report.differences.len());
        if report.agrees() && gone > 0 {
            tracing::info!(differences = gone, "all records agree again");
        }
        *last = Some(Arc::new(report));
    }

    fn remembered(&self) -> MutexGuard<'_, Option<Arc<Reconciliation>>> {
        // What is remembered is replaced whole, so a panic elsewhere leaves it as good as it was.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Two differences of one subject and one code are one, whatever its figures are meanwhile.
fn identity(difference: &super::Difference) -> (&'static str, String) {
    (difference.code, difference.subject.clone())
}
