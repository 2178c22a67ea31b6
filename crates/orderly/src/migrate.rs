//! `orderly migrate`: brings the database up to date, then stops.

use std::process::ExitCode;

use orderly_infrastructure::Infrastructure;

use crate::{app, config::Config};

pub(crate) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    Infrastructure::migrate(&app::settings(config)).await?;
    tracing::info!("the database is up to date");
    Ok(ExitCode::SUCCESS)
}
