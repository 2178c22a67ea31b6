//! `wharf bench`: how fast jobs are here, in a database of its own; and whether each of them was run once.

mod latencies;
mod memory;
mod nothing;
mod place;
mod postgres;
mod schedules;
mod sqlite;
mod verdict;

use std::{
    io,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context;
use serde_json::Value;
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};

use crate::shown::Shown;
use place::Place;
use verdict::Verdict;

/// What is to be measured.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchCommand {
    /// postgres://… of a server, on which a database is made for it; or a directory for a SQLite file [default: one for
    /// temporary files]
    #[arg(long, value_name = "ADDRESS")]
    engine: Option<String>,
    /// So many jobs that do nothing
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    jobs: u64,
    /// So many of them at once
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    handlers: u64,
    /// So many runs that have ended before, to see that they slow nothing
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=100_000_000))]
    ended: u64,
    /// So many jobs that wait in the same queues until tomorrow, to see that they slow nothing
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=100_000_000))]
    blocked: u64,
    /// So many milliseconds each job takes in which it does nothing
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    asleep_ms: u64,
    /// So many schedules that are all due at the same moment, to see how late the last of them are
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=100_000))]
    schedules: u64,
}

/// What came of it.
pub(crate) struct Measured {
    pub(crate) shown: Shown,
    pub(crate) verdict: anyhow::Result<()>,
}

/// Measures, and leaves nothing behind, whether it ends well or is stopped.
pub(crate) async fn run(command: &BenchCommand) -> anyhow::Result<Measured> {
    let stop = stop_requests().context("signals cannot be listened for")?;
    match command.engine.as_deref() {
        Some(address) if address.starts_with("postgres://") || address.starts_with("postgresql://") => {
            on(postgres::Database::create(address).await?, command, stop).await
        }
        directory => on(sqlite::File::create(directory.map(PathBuf::from))?, command, stop).await,
    }
}

async fn on<P: Place>(place: P, command: &BenchCommand, stop: impl Future<Output = ()>) -> anyhow::Result<Measured> {
    let measured = tokio::select! {
        measured = measure(&place, command) => measured,
        () = stop => Err(anyhow::anyhow!("stopped")),
    };
    let removed = place.remove().await;
    let measured = measured?;
    removed?;
    Ok(measured)
}

async fn measure<P: Place>(place: &P, command: &BenchCommand) -> anyhow::Result<Measured> {
    let (jobs, handlers) = (command.jobs, usize::try_from(command.handlers)?);
    let by_hand_per_s = place.by_hand_per_s(jobs).await?;
    place.close(place.engine().await?).await;
    place.remember(command.ended).await?;

    let engine = place.engine().await?;
    nothing::block(engine.clone(), command.blocked).await?;
    let began = Instant::now();
    nothing::enqueue(engine.clone(), jobs).await?;
    let enqueued_per_s = jobs as f64 / began.elapsed().as_secs_f64();
    place.close(engine).await;

    let before = place.commits().await?;
    let engine = place.engine().await?;
    let asleep = Duration::from_millis(command.asleep_ms);
    memory::forget_peak();
    let drained = nothing::drain(engine.clone(), jobs, handlers, asleep).await?;
    let peak_mib = memory::peak_mib();
    place.close(engine).await;
    let commits = place.commits().await? - before;

    let engine = place.engine().await?;
    let latencies = nothing::pick_up(engine.clone()).await?;
    place.close(engine).await;

    let engine = place.engine().await?;
    let lateness = schedules::lateness(engine.clone(), command.schedules).await?;
    place.close(engine).await;

    let others = latencies.len() + lateness.len();
    let verdict = Verdict { enqueued: jobs + others, ran: drained.ran + others, found: place.found().await? };
    let mut fields = vec![
        ("engine", P::NAME.into()),
        ("jobs", jobs.into()),
        ("handlers", handlers.into()),
        ("asleep ms", command.asleep_ms.into()),
        ("ended before", command.ended.into()),
        ("blocked", command.blocked.into()),
        ("enqueued per s", whole(enqueued_per_s)),
        ("drained per s", whole(drained.per_s)),
        ("by hand per s", whole(by_hand_per_s)),
        ("of by hand", hundredths(drained.per_s / by_hand_per_s)),
        ("commits per job", rounded(commits as f64 / jobs as f64, 4)),
        ("peak memory MiB", peak_mib.map_or(Value::Null, whole)),
        ("picked up p50 ms", hundredths(latencies.ms_of(0.5))),
        ("picked up p99 ms", hundredths(latencies.ms_of(0.99))),
    ];
    if command.schedules > 0 {
        fields.extend([
            ("schedules", command.schedules.into()),
            ("late p50 ms", hundredths(lateness.ms_of(0.5))),
            ("late p99 ms", hundredths(lateness.ms_of(0.99))),
        ]);
    }
    fields.push(("verdict", verdict.to_string().into()));
    Ok(Measured { shown: Shown::Card { fields, lines: Vec::new() }, verdict: verdict.given() })
}

/// Listens from now on, so that nothing is left behind from the first moment: for Ctrl-C, and the SIGTERM that a time limit
/// sends.
#[cfg(unix)]
fn stop_requests() -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Listens for Ctrl-C.
#[cfg(not(unix))]
fn stop_requests() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

fn whole(figure: f64) -> Value {
    (figure.round() as u64).into()
}

fn hundredths(figure: f64) -> Value {
    rounded(figure, 2)
}

fn rounded(figure: f64, places: i32) -> Value {
    let ones = 10_f64.powi(places);
    ((figure * ones).round() / ones).into()
}
