//! `orderly worker`: does what orders cause and what is due, beside others that take orders. Serves nothing but its
//! health, and that only where it is told to.

use std::process::ExitCode;

use anyhow::Context;
use tokio::task::JoinSet;
use wharf::Ended;

use crate::{
    app::App,
    config::Config,
    http,
    role::Role,
    serving,
    stop::{Stop, end_at_once},
};

#[expect(clippy::print_stdout, reason = "whoever starts it waits for this line")]
pub(crate) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    Role::Worker.check(config)?;
    let stop = Stop::on_signals().context("signals cannot be listened for")?;
    let listener = match config.worker.health_listen {
        Some(address) => Some(serving::listen(address, "worker.health_listen").await?),
        None => None,
    };
    let app = App::start(config).await?;
    println!("orderly worker is ready.");
    // Ends with this function: until then it tells that the worker drains.
    let mut probes = JoinSet::new();
    if let Some(listener) = listener {
        println!("  health  http://{}/health", listener.local_addr()?);
        let router = http::health_alone(&app);
        probes.spawn(axum::serve(listener, router).into_future());
    }
    if app.run_until_or_abort(stop.clone().asked(), stop.asked_again()).await == Ended::Aborted {
        end_at_once();
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}
