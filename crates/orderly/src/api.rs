//! `orderly api`: takes orders and answers questions, beside workers that do the rest.

use std::process::ExitCode;

use anyhow::Context;

use crate::{app::App, config::Config, role::Role, serving, stop::Stop};

/// What an order causes is committed with it, and waits for a worker: none need be there, and no broker.
pub(crate) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    Role::Api.check(config)?;
    let stop = Stop::on_signals().context("signals cannot be listened for")?;
    let listener = serving::listen(config.http.listen, "--listen or http.listen").await?;
    let address = listener.local_addr()?;
    let app = App::start(config).await?;
    let router = serving::open(&app, config, Role::Api, address, &stop).await?;
    serving::serve(listener, router, &stop).await?;
    app.close().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}
