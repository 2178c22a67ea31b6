//! P10: how a process is, judged from what was observed and nothing else.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    Depth, Timestamp, Vital, WorkerState, job,
    ports::{Condition, Outbox},
};

/// How much later than it should something may happen before it is worth a word.
const LATE_MAX: Duration = Duration::from_secs(30);
/// How much later than it should a background task may look before nobody can count on it any more.
const STUCK_AFTER: Duration = Duration::from_secs(300);
/// How long a stumble counts.
const STUMBLE_AGE_MAX: Duration = Duration::from_secs(60);
/// The name of the check whether the database answers.
const DATABASE: &str = "database";
/// The name of the check whether what carries signals answers, where that is not the database.
const SIGNALS: &str = "signals";
/// The name of the check whether the worker runs.
const WORKER: &str = "worker";

/// How something is, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Status {
    /// It works.
    Up,
    /// It works, but something is late or stumbled lately.
    Degraded,
    /// It does not do what it is there for.
    Down,
}

/// How a process is: the database answers, due work is consumed, background tasks tick. Each role needs only what it
/// has: one that only publishes is up when the database answers and its routes are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whether a worker runs in this process.
    pub worker: WorkerState,
    /// What was looked at: `database`, `signals` where these go another way, `worker`, the transport if it is of another
    /// kind than the store, each endpoint and each background task.
    pub checks: Vec<Check>,
    /// How many dead letters there are; [`Depth::COUNT_MAX_ROWS`] means at least so many. They are information: that
    /// something was given up makes nobody sick. `None` when the database did not answer.
    pub dead_letters: Option<u64>,
}

/// How one thing is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// What.
    pub name: String,
    /// How.
    pub status: Status,
    /// Why it is not up, with its figures. It names no data, so that strangers may read it.
    pub reason: Option<String>,
    /// Its signs of life, of an endpoint or a background task.
    pub vital: Option<Vital>,
}

impl Health {
    /// How the whole is: as its worst check.
    pub fn status(&self) -> Status {
        self.checks.iter().map(|check| check.status).max().unwrap_or(Status::Up)
    }

    /// Why it is not up.
    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        self.checks.iter().filter_map(|check| check.reason.as_deref())
    }
}

/// All that is known at one moment.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) now: Timestamp,
    pub(crate) worker: WorkerState,
    /// What the database said, or why it did not.
    pub(crate) database: Result<Queues, String>,
    /// Of a transport of another kind than the store.
    pub(crate) transport: Option<Condition>,
    /// What carries signals said, or why it did not; `None` where that is the database.
    pub(crate) signals: Option<Result<(), String>>,
    pub(crate) vitals: BTreeMap<String, Vital>,
}

/// What waits in the database.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    pub(crate) depths: Vec<Depth>,
    pub(crate) dead_letters: u64,
}

/// Judges what was observed.
pub(crate) fn judge(observed: &Observed) -> Health {
    let Observed { now, worker, database, signals, transport, vitals } = observed;
    let mut checks = vec![plain(DATABASE, database.as_ref().err().map(|reason| (Status::Down, reason.clone())))];
    if let Some(answer) = signals {
        // Work goes on without them.
        checks.push(plain(SIGNALS, answer.as_ref().err().map(|reason| (Status::Degraded, reason.clone()))));
    }
    checks.push(plain(WORKER, stopping(*worker)));
    if let Some(transport) = transport {
        // What is sent meanwhile waits in the outbox: the process is as ready as before.
        checks.push(plain(transport.name, transport.trouble.clone().map(|trouble| (Status::Degraded, trouble))));
    }
    for (name, vital) in vitals {
        let verdict = match vital.handlers_end_within {
            Some(within) => {
                let queues = database.as_ref().ok();
                let depth = queues.and_then(|queues| queues.depths.iter().find(|one| one.endpoint == *name));
                not_consuming(*now, vital, depth, within)
            }
            None => late(*now, vital),
        };
        let verdict = verdict.or_else(|| transport.as_ref().and_then(|transport| not_handed(transport, name, vital)));
        let verdict = verdict.or_else(|| stumbled(*now, vital));
        let (status, reason) = match verdict {
            Some((status, reason)) => (status, Some(format!("`{name}`: {reason}"))),
            None => (Status::Up, None),
        };
        checks.push(Check { name: name.clone(), status, reason, vital: Some(*vital) });
    }
    Health { worker: *worker, checks, dead_letters: database.as_ref().ok().map(|queues| queues.dead_letters) }
}

/// What is wrong, and how badly.
type Verdict = Option<(Status, String)>;

fn plain(name: &str, verdict: Verdict) -> Check {
    let (status, reason) = verdict.map_or((Status::Up, None), |(status, reason)| (status, Some(reason)));
    Check { name: name.to_owned(), status, reason, vital: None }
}

fn stopping(worker: WorkerState) -> Verdict {
    match worker {
        WorkerState::Idle | WorkerState::Running => None,
        WorkerState::Draining => Some((Status::Down, "the worker is stopping and takes nothing in".to_owned())),
        WorkerState::Stopped => Some((Status::Down, "the worker has stopped".to_owned())),
    }
}

/// Something has waited for long, due in the database or claimed and without a free handler, and nothing was settled
/// meanwhile. By the time that every handler must have ended, at least one settlement is owed.
fn not_consuming(now: Timestamp, vital: &Vital, depth: Option<&Depth>, handlers_end_within: Duration) -> Verdict {
    let (due, oldest) = depth.map_or((0, None), |depth| (depth.due, depth.oldest));
    let oldest = oldest.max(vital.waits_since.map(|since| now.since(since)))?;
    let settled_at = vital.settled_at.max(vital.began_at)?;
    let (quiet, owed_after) = (now.since(settled_at), handlers_end_within + LATE_MAX);
    if oldest.min(quiet) <= LATE_MAX {
        return None;
    }
    let status = if oldest.min(quiet) > owed_after { Status::Down } else { Status::Degraded };
    let due = match due {
        0 => "claimed but no handler free".to_owned(),
        Depth::COUNT_MAX_ROWS.. => format!("at least {due} due"),
        _ => format!("{due} due"),
    };
    let (oldest, quiet) = (oldest.as_secs(), quiet.as_secs());
    Some((status, format!("{due}, the oldest for {oldest} s, and nothing was settled for {quiet} s")))
}

/// A transport that works, and hands this endpoint nothing.
fn not_handed(transport: &Condition, name: &str, vital: &Vital) -> Verdict {
    let is_handed = vital.handlers_end_within.is_none()
        || Outbox::destination(name).is_some()
        || name.starts_with(job::QUEUE_PREFIX)
        || transport.consuming.contains(name);
    let reason = || (Status::Degraded, format!("`{}` hands it nothing", transport.name));
    (transport.trouble.is_none() && !is_handed).then(reason)
}

fn late(now: Timestamp, vital: &Vital) -> Verdict {
    let since = now.since(vital.looked_at.max(vital.began_at)?);
    if since <= vital.looks_every + LATE_MAX {
        return None;
    }
    let status = if since > vital.looks_every + STUCK_AFTER { Status::Down } else { Status::Degraded };
    let (since, every) = (since.as_secs(), vital.looks_every.as_secs());
    Some((status, format!("has not looked for {since} s, though it should every {every} s")))
}

fn stumbled(now: Timestamp, vital: &Vital) -> Verdict {
    let ago = now.since(vital.stumbled_at?);
    (ago < STUMBLE_AGE_MAX).then(|| (Status::Degraded, format!("stumbled {} s ago", ago.as_secs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(0);

    fn after(seconds: u64) -> Timestamp {
        START + Duration::from_secs(seconds)
    }

    fn endpoint() -> Vital {
        let within = Some(Duration::from_secs(60));
        Vital { began_at: Some(START), handlers_end_within: within, ..Vital::default() }
    }

    fn task() -> Vital {
        Vital { began_at: Some(START), looks_every: Duration::from_secs(1), ..Vital::default() }
    }

    /// `work` has so many due, the oldest for so long.
    fn queues(due: u64, oldest: u64) -> Queues {
        let oldest = (due > 0).then(|| Duration::from_secs(oldest));
        Queues {
            depths: vec![Depth { endpoint: "work".to_owned(), due, delayed: 7, held: 3, oldest }],
            dead_letters: 5,
        }
    }

    fn told(now: Timestamp, vital: Vital, queues: Queues) -> (Status, String) {
        let vitals = BTreeMap::from([("work".to_owned(), vital)]);
        let health = judge(&Observed {
            now,
            worker: WorkerState::Running,
            database: Ok(queues),
            signals: None,
            transport: None,
            vitals,
        });
        assert_eq!(health.dead_letters, Some(5), "information, and no reason");
        (health.status(), health.reasons().collect())
    }

    const UP: (Status, String) = (Status::Up, String::new());

    fn degraded(reason: &str) -> (Status, String) {
        (Status::Degraded, reason.to_owned())
    }

    fn down(reason: &str) -> (Status, String) {
        (Status::Down, reason.to_owned())
    }

    #[test]
    fn an_endpoint_that_settles_is_up_however_much_waits() {
        let busy = Vital { settled_at: Some(after(995)), ..endpoint() };
        assert_eq!(told(after(1_000), busy, queues(10_000, 900)), UP);
    }

    #[test]
    fn an_endpoint_with_nothing_due_is_up_however_long_it_settled_nothing() {
        assert_eq!(told(after(1_000_000), endpoint(), queues(0, 0)), UP);
        assert_eq!(told(after(1_000_000), endpoint(), Queues { depths: Vec::new(), dead_letters: 5 }), UP);
    }

    #[test]
    fn w20_an_endpoint_that_does_not_consume_is_degraded_and_then_down() {
        let (now, quiet) =
            (after(1_000), |seconds: u64| Vital { settled_at: Some(after(1_000 - seconds)), ..endpoint() });
        assert_eq!(told(now, quiet(500), queues(4, 30)), UP, "what is due has only just come");
        assert_eq!(
            told(now, quiet(91), queues(4, 90)),
            degraded("`work`: 4 due, the oldest for 90 s, and nothing was settled for 91 s")
        );
        assert_eq!(
            told(now, quiet(91), queues(10_000, 500)),
            down("`work`: at least 10000 due, the oldest for 500 s, and nothing was settled for 91 s"),
            "its handlers end within 60 s"
        );
        assert_eq!(told(after(31), endpoint(), queues(4, 900)).0, Status::Degraded, "it has run for 31 s");
        assert_eq!(told(after(30), endpoint(), queues(4, 900)), UP, "it has only begun");
    }

    #[test]
    fn w20_what_is_claimed_and_not_handled_counts_too() {
        let waiting = Vital { waits_since: Some(after(100)), ..endpoint() };
        assert_eq!(
            told(after(200), waiting, queues(0, 0)),
            down("`work`: claimed but no handler free, the oldest for 100 s, and nothing was settled for 200 s")
        );
        assert_eq!(told(after(200), Vital { settled_at: Some(after(190)), ..waiting }, queues(0, 0)), UP);
    }

    #[test]
    fn w27_a_background_task_that_does_not_tick_is_degraded_and_then_down() {
        let none = || Queues { depths: Vec::new(), dead_letters: 5 };
        assert_eq!(told(after(31), task(), none()), UP);
        let late = "`work`: has not looked for 32 s, though it should every 1 s";
        assert_eq!(told(after(32), task(), none()), degraded(late), "it never did");
        let looked = Vital { looked_at: Some(after(100)), ..task() };
        assert_eq!(told(after(131), looked, none()), UP);
        let stuck = "`work`: has not looked for 302 s, though it should every 1 s";
        assert_eq!(told(after(402), looked, none()), down(stuck));
    }

    #[test]
    fn a_stumble_counts_for_a_minute() {
        let stumbled = Vital { stumbled_at: Some(after(100)), ..endpoint() };
        assert_eq!(told(after(103), stumbled, queues(0, 0)), degraded("`work`: stumbled 3 s ago"));
        assert_eq!(told(after(160), stumbled, queues(0, 0)), UP);
    }

    #[test]
    fn w20_a_transport_that_is_away_or_hands_an_endpoint_nothing_is_named() {
        let told = |trouble: Option<&str>, consuming: &[&str]| {
            let transport = Condition {
                name: "rabbitmq",
                trouble: trouble.map(str::to_owned),
                consuming: consuming.iter().map(|&name| name.to_owned()).collect(),
            };
            let outbox = Outbox::endpoint("work").to_string();
            let job = job::queue("work").to_string();
            let vitals =
                [("work".to_owned(), endpoint()), (outbox, endpoint()), (job, endpoint()), ("tick".to_owned(), task())];
            let (database, transport) = (Ok(queues(0, 0)), Some(transport));
            let worker = WorkerState::Running;
            let health = judge(&Observed {
                now: after(1),
                worker,
                database,
                signals: None,
                transport,
                vitals: BTreeMap::from(vitals),
            });
            assert!(health.checks.iter().any(|check| check.name == "rabbitmq"));
            (health.status(), health.reasons().collect())
        };
        assert_eq!(told(None, &["work"]), UP);
        assert_eq!(told(None, &[]), degraded("`work`: `rabbitmq` hands it nothing"));
        assert_eq!(told(Some("RabbitMQ is away"), &[]), degraded("RabbitMQ is away"), "one reason for all of it");
    }

    #[test]
    fn each_role_needs_what_it_has() {
        let judged = |worker, database: Result<Queues, String>| {
            let health = judge(&Observed {
                now: START,
                worker,
                database,
                signals: None,
                transport: None,
                vitals: BTreeMap::new(),
            });
            (health.status(), health.reasons().collect::<String>())
        };
        assert_eq!(judged(WorkerState::Idle, Ok(Queues::default())), UP, "it only publishes");
        assert_eq!(judged(WorkerState::Idle, Err("gone".to_owned())), down("gone"));
        assert_eq!(judged(WorkerState::Draining, Ok(Queues::default())).0, Status::Down);
        assert_eq!(judged(WorkerState::Stopped, Ok(Queues::default())).0, Status::Down);
    }

    #[test]
    fn work_goes_on_without_signals() {
        let judged = |answer| {
            let (worker, database, vitals) = (WorkerState::Running, Ok(Queues::default()), BTreeMap::new());
            let health =
                judge(&Observed { now: START, worker, database, signals: Some(answer), transport: None, vitals });
            (health.status(), health.reasons().collect::<String>())
        };
        assert_eq!(judged(Ok(())), UP);
        assert_eq!(judged(Err("gone".to_owned())), degraded("gone"));
    }
}
