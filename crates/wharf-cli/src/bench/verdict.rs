//! Whether each job was run once: what was enqueued, beside what ran and what the tables hold.

use std::fmt;

use anyhow::ensure;

/// What stands in the tables in the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// Runs in the history, however they ended.
    pub(super) ended: u64,
    /// Those of them that succeeded.
    pub(super) succeeded: u64,
    /// Different ids among them.
    pub(super) ids: u64,
    /// Different arguments among them: each job has its own.
    pub(super) arguments: u64,
    /// What still waits or is held.
    pub(super) waiting: u64,
}

impl Found {
    /// In the order of the fields, as a database counts them.
    pub(super) fn of((ended, succeeded, ids, arguments, waiting): (i64, i64, i64, i64, i64)) -> Self {
        let [ended, succeeded, ids, arguments, waiting] =
            [ended, succeeded, ids, arguments, waiting].map(i64::unsigned_abs);
        Self { ended, succeeded, ids, arguments, waiting }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    pub(super) enqueued: u64,
    /// How often a handler was called.
    pub(super) ran: u64,
    pub(super) found: Found,
}

impl Verdict {
    /// Good, or what is wrong.
    pub(super) fn given(&self) -> anyhow::Result<()> {
        let Found { ended, succeeded, ids, arguments, waiting } = self.found;
        let once = [self.ran, ended, succeeded, ids, arguments].into_iter().all(|counted| counted == self.enqueued);
        ensure!(once && waiting == 0, "not every job was run once: {self}");
        Ok(())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Found { ended, succeeded, ids, arguments, waiting } = self.found;
        write!(
            f,
            "{} enqueued, {} run, {ended} in the history, {succeeded} of them well, of {ids} ids and {arguments} different \
             arguments; {waiting} wait",
            self.enqueued, self.ran
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Verdict = Verdict {
        enqueued: 500,
        ran: 500,
        found: Found { ended: 500, succeeded: 500, ids: 500, arguments: 500, waiting: 0 },
    };

    #[test]
    fn each_job_once_is_good() {
        GOOD.given().unwrap();
    }

    #[test]
    fn one_lost_or_doubled_wherever_it_shows_is_not() {
        let found = GOOD.found;
        for (why, wrong) in [
            ("never run", Verdict { ran: 499, ..GOOD }),
            ("run twice", Verdict { ran: 501, ..GOOD }),
            ("lost from the history", Verdict { found: Found { ended: 499, ..found }, ..GOOD }),
            ("twice in the history", Verdict { found: Found { ended: 501, ..found }, ..GOOD }),
            ("failed", Verdict { found: Found { succeeded: 499, ..found }, ..GOOD }),
            ("two under one id", Verdict { found: Found { ids: 499, ..found }, ..GOOD }),
            ("one twice, another never", Verdict { found: Found { arguments: 499, ..found }, ..GOOD }),
            ("left in the queue", Verdict { found: Found { waiting: 1, ..found }, ..GOOD }),
        ] {
            let said = wrong.given().expect_err(why).to_string();
            assert!(said.starts_with("not every job was run once: 500 enqueued, "), "{why}: {said}");
        }
    }
}
