//! `orderly up`: API, worker and periodic tasks in one process, until it is told to stop.

use std::process::ExitCode;

use anyhow::Context;
use tokio::sync::oneshot;
use wharf::Ended;

use crate::{
    app::App,
    config::Config,
    role::Role,
    serving,
    stop::{Stop, end_at_once},
};

/// Stops in the order in which work comes in: no new requests, then no new deliveries, then no database.
pub(crate) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let stop = Stop::on_signals().context("signals cannot be listened for")?;
    let listener = serving::listen(config.http.listen, "--listen or http.listen").await?;
    let address = listener.local_addr()?;
    let app = App::start(config).await?;
    let router = serving::open(&app, config, Role::Everything, address, &stop).await?;

    let (served, all_served) = oneshot::channel();
    let worker = tokio::spawn(app.run_until_or_abort(
        async {
            let _ = all_served.await;
        },
        stop.clone().asked_again(),
    ));
    let outcome = serving::serve(listener, router, &stop).await;
    let _ = served.send(());
    if worker.await.context("the worker ended badly")? == Ended::Aborted {
        end_at_once();
    }
    outcome?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}
