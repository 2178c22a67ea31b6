//! The replay command: reads, places, waits for the end, and tells what it came to.
//!
//! Where a replay stands is told by the file and the database alone, so a run that was killed goes on where it was when
//! it is started again: invoices that were placed are known by their numbers, and whether a cancellation or a return
//! took effect is read from the orders.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use orderly_infrastructure::audit;
use wharf::Timestamp;

use super::{
    file::{OrderFile, ReadError},
    opening,
    outline::Outline,
    placing::{Ended, Placing},
    plan::Plan,
    report::Report,
    survey::Survey,
};
use crate::{
    answer::{show, tell, tell_violations},
    app::{self, App},
    command_line::ReplayArgs,
    config::Config,
    counter::Remote,
    exit::{FOUND_WRONG, Unusable},
    figures::{Ends, Speed},
    live::Live,
    shop::{Shop, Standing},
    stop::Stop,
};

/// Where rejected lines go, in the data directory, unless a flag says otherwise.
const REJECTS_FILE: &str = "rejected.csv";

pub(crate) async fn run(args: &ReplayArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let begun = Instant::now();
    let stop = Stop::on_signals()?;
    stop.at_once_if_asked_again();
    let input = Input::read(args).await?;
    let rejects = rejects_path(args, config, &input.file)?;

    let remote = args.place_at.remote(config)?;
    let app = App::start(config).await?;
    let since = app.client.now();
    let Some(outcome) = carry_out(app, args, &input, remote, since, stop).await? else {
        tell("stopped; the same command goes on where this run was");
        return Ok(ExitCode::from(FOUND_WRONG));
    };
    let audited = audit::audit(&app::settings(config)).await.context("cannot check the invariants")?;
    let report = settle_accounts(input, &rejects, outcome, begun.elapsed(), audited.violations.len())?;
    show(&report, args.json)?;
    tell_violations(&audited);
    let broken = report.broken_sums();
    broken.iter().for_each(|sum| tell(sum));
    let is_good = broken.is_empty() && report.violations == 0;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(FOUND_WRONG) })
}

/// The order file, read to its end before anything of it is placed.
struct Input {
    file: OrderFile,
    survey: Arc<Survey>,
    outline: Outline,
}

impl Input {
    async fn read(args: &ReplayArgs) -> anyhow::Result<Self> {
        let (path, limit) = (args.file.clone(), args.limit);
        let reading = move || -> Result<Self, ReadError> {
            let file = OrderFile::open(path)?;
            let survey = Arc::new(Survey::of(&file)?);
            let outline = Outline::of(&file, Arc::clone(&survey), limit)?;
            Ok(Self { file, survey, outline })
        };
        let read = tokio::task::spawn_blocking(reading).await.context("reading broke off")?;
        Ok(read.map_err(|error| Unusable(error.to_string()))?)
    }
}

/// Refuses now what would only fail in the end.
fn rejects_path(args: &ReplayArgs, config: &Config, file: &OrderFile) -> Result<PathBuf, Unusable> {
    let Some(path) = &args.rejects else { return Ok(config.data_dir.join(REJECTS_FILE)) };
    let shown = path.display();
    if file.is_at(path) {
        return Err(Unusable(format!("--rejects {shown} is the order file itself; name another file")));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() || !parent.is_dir() {
        return Err(Unusable(format!(
            "--rejects {shown} cannot be written: it must be a file in an existing directory"
        )));
    }
    Ok(path.clone())
}

/// What the database and the worker tell once everything has come to its end.
struct Outcome {
    standing: Standing,
    effective_cancellations: HashSet<String>,
    /// References of the returns that were made.
    returns: HashSet<String>,
}

/// Runs the worker and places all orders; `None` if a stop was asked for.
async fn carry_out(
    app: App,
    args: &ReplayArgs,
    input: &Input,
    remote: Option<Remote>,
    since: Timestamp,
    stop: Stop,
) -> anyhow::Result<Option<Outcome>> {
    let shop = Shop::of(&app, remote);
    let others_work = shop.is_among_others();
    let mut live = Live::new(input.outline.tally.orders)?;
    let replay = async {
        let products = opening::open(&shop, input.survey.products()).await?;
        let plan = Plan::new(&input.file, Arc::clone(&input.survey), args.limit)?;
        let mut placing = Placing::new(shop, products, args.concurrency.get());
        match placing.run(plan, stop, &mut live).await? {
            Ended::Done => outcome(placing.shop(), since).await.map(Some),
            Ended::Stopped => Ok(None),
        }
    };
    let replayed = if others_work { app.watch_while(replay).await } else { app.work_while(replay).await };
    live.clear();
    replayed
}

async fn outcome(shop: &Shop, since: Timestamp) -> anyhow::Result<Outcome> {
    let unread = |failure: wharf::Failure| anyhow!("cannot read what the orders came to: {failure}");
    let overview = &shop.infrastructure.overview;
    let cancelled = overview.effective_cancellations(&shop.tenant).await.map_err(unread)?;
    Ok(Outcome {
        standing: shop.standing(since).await?,
        effective_cancellations: cancelled.into_iter().collect(),
        returns: shop.returns().await?.into_iter().collect(),
    })
}

/// Brings file and database together, and writes the rejected lines.
fn settle_accounts(
    input: Input,
    rejects_path: &Path,
    outcome: Outcome,
    took: Duration,
    violations: usize,
) -> anyhow::Result<Report> {
    let Outline { tally, mut rejects, cancellations, returns } = input.outline;
    let mut cancelled_lines = 0;
    for cancellation in &cancellations {
        if outcome.effective_cancellations.contains(cancellation.number.as_ref()) {
            cancelled_lines += cancellation.line_numbers.len() as u64;
        } else {
            rejects.add_too_late(cancellation);
        }
    }
    let mut returned_lines = 0;
    for part in &returns {
        if outcome.returns.contains(&part.reference()) {
            returned_lines += 1;
        } else {
            rejects.add_undelivered(part);
        }
    }
    rejects.write(&input.file, rejects_path)?;
    let standing = outcome.standing;
    Ok(Report {
        lines: tally.lines,
        order_lines: tally.order_lines,
        merged_lines: tally.merged_lines,
        cancelled_lines,
        returned_lines,
        rejected_lines: rejects.len(),
        rejections: rejects.by_reason(),
        invoices: tally.invoices,
        ends: Ends::of(&standing),
        dead_letters: standing.dead_letters,
        speed: Speed::of(&standing, took),
        violations: violations as u64,
    })
}
