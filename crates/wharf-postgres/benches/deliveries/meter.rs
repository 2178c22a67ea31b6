//! What a rate was paid with: processor time, ours and the server's, and the server's own counts.
//!
//! On a machine that others use, rates tell little and these tell much: they hardly depend on who else is running.

use std::fs;

use sqlx::{Connection, PgConnection, Row};

use crate::place::Place;

/// Both are as of the start. The kernel counts processor time in hundredths of a second.
const TICKS_PER_S: f64 = 100.0;

/// Runs from its start to its stop.
pub(crate) struct Meter {
    connection: PgConnection,
    postmaster: Option<u32>,
    before: Counts,
}

/// What has been used up to now.
#[derive(Clone, Copy, Default)]
struct Counts {
    here_s: f64,
    /// `None` when the server runs elsewhere.
    server_s: Option<f64>,
    commits: i64,
    wal_bytes: i64,
}

/// What each piece of work cost.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) here_us: f64,
    pub(crate) server_us: Option<f64>,
    pub(crate) commits: f64,
    pub(crate) wal_bytes: f64,
}

impl Meter {
    pub(crate) async fn start(place: &Place) -> Self {
        let mut connection = place.connection().await;
        let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await.unwrap();
        let postmaster = stat(backend.cast_unsigned()).map(|stat| stat.parent).filter(|parent| *parent > 1);
        let mut meter = Self { connection, postmaster, before: Counts::default() };
        meter.before = meter.counts().await;
        meter
    }

    pub(crate) async fn stop(mut self, pieces: f64) -> Cost {
        let (before, after) = (self.before, self.counts().await);
        self.connection.close().await.unwrap();
        let server_s = after.server_s.zip(before.server_s).map(|(after, before)| after - before);
        Cost {
            here_us: (after.here_s - before.here_s) / pieces * 1e6,
            server_us: server_s.map(|s| s / pieces * 1e6),
            commits: (after.commits - before.commits) as f64 / pieces,
            wal_bytes: (after.wal_bytes - before.wal_bytes) as f64 / pieces,
        }
    }

    async fn counts(&mut self) -> Counts {
        let counts = "SELECT xact_commit, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint
                      FROM pg_stat_database WHERE datname = current_database()";
        let counts = sqlx::query(counts).fetch_one(&mut self.connection).await.unwrap();
        Counts {
            here_s: stat(std::process::id()).map_or(0.0, |stat| stat.used_s),
            server_s: self.postmaster.map(family_s),
            commits: counts.get(0),
            wal_bytes: counts.get(1),
        }
    }
}

/// A line of `/proc/PID/stat`.
struct Stat {
    parent: u32,
    used_s: f64,
    /// Of children that have ended.
    children_s: f64,
}

/// `None` when there is no such process here.
fn stat(pid: u32) -> Option<Stat> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before stands in parentheses and may hold anything. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    let fields: Vec<&str> = line.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |field: usize| fields.get(field).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        used_s: (ticks(11) + ticks(12)) / TICKS_PER_S,
        children_s: (ticks(13) + ticks(14)) / TICKS_PER_S,
    })
}

/// The server's processes: those that are, and those that were.
fn family_s(postmaster: u32) -> f64 {
    let here = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = here.filter_map(|entry| stat(entry.file_name().to_str()?.parse().ok()?));
    let children: f64 = stats.filter(|stat| stat.parent == postmaster).map(|stat| stat.used_s).sum();
    children + stat(postmaster).map_or(0.0, |own| own.used_s + own.children_s)
}

impl Cost {
    pub(crate) fn line(&self) -> String {
        let server = self.server_us.map_or("elsewhere".to_owned(), |us| format!("{us:.0} µs"));
        format!(
            "here {:.0} µs, server {server}, {:.2} commits, {:.0} bytes of log",
            self.here_us, self.commits, self.wal_bytes
        )
    }
}
