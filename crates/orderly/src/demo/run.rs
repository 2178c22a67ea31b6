//! The demo command: opens the shop, plays the script, waits for the end, proves the invariants, and tells what it came to.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use orderly_infrastructure::audit;
use orderly_payments::PaymentTotals;
use wharf::Timestamp;

use super::{
    report::Report,
    script::Script,
    staging::{Ended, Staging},
};
use crate::{
    answer::{show, tell, tell_violations},
    app::{self, App},
    command_line::DemoArgs,
    config::Config,
    counter::Remote,
    exit::FOUND_WRONG,
    figures::{Ends, Speed},
    live::Live,
    shop::{Shop, Standing},
    stop::Stop,
};

pub(crate) async fn run(args: &DemoArgs, mut config: Config) -> anyhow::Result<ExitCode> {
    let begun = Instant::now();
    let stop = Stop::on_signals()?;
    stop.at_once_if_asked_again();
    config.hasten(args.time_scale);

    let remote = args.place_at.remote(&config)?;
    let app = App::start(&config).await?;
    let Some(outcome) = play(app, args, remote, config.payments.seed, stop).await? else {
        tell("stopped; the same command goes on where this run was");
        return Ok(ExitCode::from(FOUND_WRONG));
    };
    let audited = audit::audit(&app::settings(&config)).await.context("cannot check the invariants")?;
    let report = report(args, &config, outcome, begun.elapsed(), audited.violations.len());
    show(&report, args.json)?;
    tell_violations(&audited);
    if report.ends.needs_attention > 0 {
        tell(&format!("orders that only a person can go on with: {}", report.ends.needs_attention));
    }
    Ok(if audited.holds() { ExitCode::SUCCESS } else { ExitCode::from(FOUND_WRONG) })
}

/// Runs the worker while the script is played; `None` if a stop was asked for.
async fn play(
    app: App,
    args: &DemoArgs,
    remote: Option<Remote>,
    seed: u64,
    stop: Stop,
) -> anyhow::Result<Option<Outcome>> {
    let (shop, since) = (Shop::of(&app, remote), app.client.now());
    let others_work = shop.is_among_others();
    let mut live = Live::new(args.orders.get())?;
    let play = async {
        let mut staging = Staging::new(shop, Script::new(seed), args).await?;
        match staging.play(stop, &mut live).await? {
            Ended::Done => outcome(&staging, since).await.map(Some),
            Ended::Stopped => Ok(None),
        }
    };
    let played = if others_work { app.watch_while(play).await } else { app.work_while(play).await };
    live.clear();
    played
}

/// What the database and the worker tell once everything has come to its end.
struct Outcome {
    placed: u64,
    standing: Standing,
    payments: PaymentTotals,
    notifications: u64,
}

async fn outcome(staging: &Staging, since: Timestamp) -> anyhow::Result<Outcome> {
    let unread = |failure: wharf::Failure| anyhow!("cannot read what the demo came to: {failure}");
    let shop = staging.shop();
    let Shop { infrastructure, tenant, .. } = shop;
    Ok(Outcome {
        placed: staging.placed(),
        standing: shop.standing(since).await?,
        payments: infrastructure.payments.totals(tenant).await.map_err(unread)?,
        notifications: infrastructure.notifications.count(tenant).await.map_err(unread)?,
    })
}

fn report(args: &DemoArgs, config: &Config, outcome: Outcome, took: Duration, violations: usize) -> Report {
    let Outcome { placed, standing, payments, notifications } = outcome;
    Report {
        seed: config.payments.seed,
        time_scale: args.time_scale,
        placed,
        ends: Ends::of(&standing),
        captures: payments.captures,
        refunds: payments.refunds,
        voids: payments.voids,
        notifications,
        dead_letters: standing.dead_letters,
        speed: Speed::of(&standing, took),
        violations: violations as u64,
    }
}
