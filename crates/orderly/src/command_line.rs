//! The command line: what to do, and the settings that stand there.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::{
    config::{Config, Flag, Sources},
    counter::Remote,
    exit::Unusable,
};

/// Takes orders, reserves stock, takes payment and ships.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 good, 1 the work found something wrong, 2 usage, configuration or input that cannot be read."
)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Read settings from this file instead of ./orderly.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Keep everything in this directory [default: ./data]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,

    /// development, staging or production [default: development]
    #[arg(long, global = true)]
    profile: Option<String>,

    /// Set one setting, such as `payments.delay=0s`; may be repeated
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = assignment)]
    settings: Vec<(String, String)>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run API, worker and periodic tasks in one process (the default)
    Up(UpArgs),
    /// Run the API alone; workers on the same PostgreSQL do the rest
    Api(UpArgs),
    /// Run a worker alone; any number of them, and of APIs, may share one PostgreSQL
    Worker(WorkerArgs),
    /// Bring the database up to date, then stop
    Migrate,
    /// Validate the configuration without starting anything
    Check(CheckArgs),
    /// Run generated orders of every kind through the whole pipeline
    Demo(DemoArgs),
    /// Run a real order file through the whole pipeline
    Replay(ReplayArgs),
    /// Prove the invariants over what is in the database
    Verify(VerifyArgs),
    /// Compare what providers, ledger, stock, movements, orders and sagas say, and name each difference
    Reconcile(ReconcileArgs),
}

#[derive(Debug, Default, Args)]
pub(crate) struct UpArgs {
    /// Serve HTTP here; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Answer here for its health; port 0 takes a free one [default: nowhere]
    #[arg(long, value_name = "ADDRESS:PORT")]
    health_listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Print every setting with its meaning and default, as an .env file
    #[arg(long)]
    pub(crate) example: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Place so many orders
    #[arg(long, value_name = "N", default_value = "500")]
    pub(crate) orders: std::num::NonZeroU64,
    /// Stop ordering after so long, such as `10m`, however many are placed by then
    #[arg(long = "for", value_name = "D", value_parser = positive)]
    pub(crate) lasting: Option<std::time::Duration>,
    /// Let the shop's time pass so many times faster: every wait, and every delay of the simulated providers
    #[arg(long, value_name = "X", default_value = "60", value_parser = time_scale)]
    pub(crate) time_scale: f64,
    /// What the orders, and what becomes of them, are drawn from
    #[arg(long, value_name = "S", default_value = "1")]
    seed: String,
    #[command(flatten)]
    pub(crate) place_at: PlaceAt,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The order file, plain or .gz
    pub(crate) file: PathBuf,
    /// Stop after so many invoices, in file order
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Place so many orders at once
    #[arg(long, value_name = "N", default_value = "64")]
    pub(crate) concurrency: std::num::NonZeroUsize,
    /// How long the simulated payment provider takes to answer
    #[arg(long, value_name = "D", default_value = "0ms")]
    payment_delay: String,
    /// Share of payments that are approved
    #[arg(long, value_name = "R", default_value = "1.0")]
    approval_rate: String,
    /// Share of payments that stay undecided until their orders expire, after ten minutes; what remains is declined
    #[arg(long, value_name = "R", default_value = "0")]
    pending_rate: String,
    /// Copy rejected lines here, with their reasons [default: rejected.csv in the data directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place_at: PlaceAt,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where orders are placed.
#[derive(Debug, Args)]
pub(crate) struct PlaceAt {
    /// Place orders at this API, or at several in turn, whose database this is, and leave the work to their workers
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    api: Vec<String>,
}

impl PlaceAt {
    /// The API that was named, if any was.
    pub(crate) fn remote(&self, config: &Config) -> anyhow::Result<Option<Remote>> {
        if self.api.is_empty() {
            return Ok(None);
        }
        if config.database.url.is_none() {
            return Err(Unusable(
                "--api needs the database of that API, too: set DATABASE_URL or database.url".to_owned(),
            )
            .into());
        }
        Ok(Some(Remote::new(&self.api, config.api.clone())?))
    }
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    /// Print one JSON object instead of lines
    #[arg(long)]
    pub(crate) json: bool,
}

impl CommandLine {
    /// Where this run's settings come from.
    pub(crate) fn sources(&self) -> Sources {
        let mut flags = Vec::new();
        let mut flag = |name: &str, key: &str, value: String| flags.push(Flag::new(name, key, value));
        if let Some(data) = &self.data {
            flag("--data", "data_dir", data.to_string_lossy().into_owned());
        }
        if let Some(profile) = &self.profile {
            flag("--profile", "profile", profile.clone());
        }
        match &self.command {
            Some(Command::Up(UpArgs { listen: Some(listen) }) | Command::Api(UpArgs { listen: Some(listen) })) => {
                flag("--listen", "http.listen", listen.to_string());
            }
            Some(Command::Worker(WorkerArgs { health_listen: Some(listen) })) => {
                flag("--health-listen", "worker.health_listen", listen.to_string());
            }
            Some(Command::Demo(demo)) => {
                flag("--seed", "payments.seed", demo.seed.clone());
                // Something of everything.
                for (rate, share) in [
                    ("payments.approval_rate", "0.85"),
                    ("payments.pending_rate", "0.05"),
                    ("payments.lost_rate", "0.05"),
                    ("carrier.refusal_rate", "0.03"),
                    ("carrier.silence_rate", "0.02"),
                    ("carrier.lost_rate", "0.05"),
                ] {
                    flag("demo", rate, share.to_owned());
                }
                // So that an order may name a product that there is not.
                flag("demo", "pricing.trust_client", true.to_string());
                // Thousands of letters to customers, and of lost answers, would hide how far it has come.
                flag("demo", "log", "error".to_owned());
            }
            Some(Command::Replay(replay)) => {
                flag("--payment-delay", "payments.delay", replay.payment_delay.clone());
                flag("--approval-rate", "payments.approval_rate", replay.approval_rate.clone());
                flag("--pending-rate", "payments.pending_rate", replay.pending_rate.clone());
                // What an old file says happened: its prices held, and no order was too large.
                flag("replay", "pricing.trust_client", true.to_string());
                flag("replay", "orders.lines_max", 10_000.to_string());
                flag("replay", "orders.quantity_max", u32::MAX.to_string());
                flag("replay", "carrier.delivery_delay", "0s".to_owned());
                // Thousands of letters to customers would hide how far it has come.
                flag("replay", "log", "warn".to_owned());
            }
            Some(
                Command::Up(UpArgs { listen: None })
                | Command::Api(UpArgs { listen: None })
                | Command::Worker(WorkerArgs { health_listen: None })
                | Command::Migrate
                | Command::Check(_)
                | Command::Verify(_)
                | Command::Reconcile(_),
            )
            | None => {}
        }
        for (key, value) in &self.settings {
            flag("--set", key, value.clone());
        }
        Sources::of_this_process(self.config.clone(), flags)
    }
}

/// Beyond it, waits are shorter than what a computer needs for its work.
const TIME_SCALE_MAX: f64 = 1_000.0;

fn time_scale(text: &str) -> Result<f64, String> {
    let scale = text.parse().ok().filter(|scale| (1.0..=TIME_SCALE_MAX).contains(scale));
    scale.ok_or_else(|| format!("write a number from 1 to {TIME_SCALE_MAX}"))
}

fn positive(text: &str) -> Result<std::time::Duration, String> {
    let duration: Option<std::time::Duration> =
        text.parse::<jiff::SignedDuration>().ok().and_then(|d| d.try_into().ok());
    duration.filter(|duration| !duration.is_zero()).ok_or_else(|| "write a duration such as 30s or 10m".to_owned())
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, such as payments.delay=0s")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}
