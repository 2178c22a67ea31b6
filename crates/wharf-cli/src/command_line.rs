//! The command line: which database, and what to do.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use uuid::Uuid;
use wharf::{RunStatus, Tenant};

use crate::bench::BenchCommand;

/// Looks at jobs, schedules, workers, queues and dead letters in a wharf database, and changes what you want changed.
#[derive(Debug, Parser)]
#[command(name = "wharf", version, after_help = "Exit codes: 0 good, 1 it could not be done, 2 usage.")]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// postgres://… or the path of a SQLite file
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true)]
    database: Option<String>,

    /// Whose jobs and schedules
    #[arg(long, global = true, default_value = "default")]
    tenant: String,

    /// Who changes a schedule, for the record [default: $USER]
    #[arg(long, global = true)]
    who: Option<String>,

    /// JSON instead of a table
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Within(Within),
    /// Bring wharf's tables up to date, then stop
    Migrate,
    /// Measure jobs that do nothing, in a database of its own, beside the same written by hand; exit 1 if one is lost or
    /// doubled
    Bench(BenchCommand),
    /// Make a worker's project in a directory of this name
    New {
        /// Lower-case letters, digits, - and _
        name: String,
        /// Depend on wharf's crates in a checkout, by their path
        #[arg(long, value_name = "CHECKOUT")]
        path: Option<PathBuf>,
    },
}

/// What is done within a database that has wharf's tables. None of it makes them.
#[derive(Debug, Subcommand)]
pub(crate) enum Within {
    /// Runs of jobs: list, show, run, cancel, retry; and the types there are
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Schedules: list, show, run, pause, resume, reset
    #[command(subcommand)]
    Schedules(SchedulesCommand),
    /// The workers that are alive
    Workers,
    /// How much waits at each endpoint
    Queues,
    /// Instances of sagas, and what they wait for: list, show
    #[command(subcommand)]
    Sagas(SagasCommand),
    /// What was given up: list, show, redrive, discard
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// Runs: first those that go on, then the last that have ended
    List {
        /// Only of this job
        #[arg(long)]
        job: Option<String>,
        /// Only those that this schedule enqueued
        #[arg(long)]
        schedule: Option<String>,
        /// Only those that are queued, running, retrying, succeeded, failed, cancelled or timed-out
        #[arg(long)]
        status: Option<RunStatus>,
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// One run, and what it logged
    Show { run: Uuid },
    /// Enqueue a job
    Run {
        /// Its name
        job: String,
        /// Its arguments as JSON
        #[arg(long, default_value = "{}")]
        args: String,
        /// Only if no other of this key waits or runs
        #[arg(long)]
        unique: Option<String>,
    },
    /// The jobs that workers have announced, and how many workers that are alive run each
    Types {
        /// Only this one, with the schema of its arguments
        job: Option<String>,
    },
    /// Cancel a run, whether it waits or a worker has it
    Cancel { run: Uuid },
    /// Run once more what has ended
    Retry { run: Uuid },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchedulesCommand {
    /// All of them
    List,
    /// One, and when it is due next
    Show {
        name: String,
        /// So many due times
        #[arg(long, default_value_t = 5)]
        preview: usize,
    },
    /// Send its message now; when it is due next stays as it is
    Run {
        name: String,
        /// Other arguments, as JSON
        #[arg(long)]
        args: Option<String>,
    },
    /// Let it rest
    Pause { name: String },
    /// Let it go on
    Resume { name: String },
    /// Give it other times: a cron expression, by the clocks of a time zone
    Change {
        name: String,
        /// Such as "0 3 * * *"
        cron: String,
        /// Such as Europe/Berlin
        #[arg(long, default_value = "UTC")]
        zone: String,
    },
    /// Give it back the times that its module declares
    Reset { name: String },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SagasCommand {
    /// Those that have not come to their end, the one that has stood still the longest first
    List {
        /// Only of this saga
        #[arg(long)]
        saga: Option<String>,
        /// Only in this state
        #[arg(long)]
        state: Option<String>,
        /// Those that have come to their end instead, the last one first
        #[arg(long)]
        finished: bool,
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// One: its state, its facts and its timers
    Show {
        saga: String,
        /// As it is listed, such as order:7
        key: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// Those that match, oldest first
    List(Which),
    /// One, with its body
    Show { id: i64 },
    /// Send those that match round again
    Redrive(Which),
    /// Delete those that match
    Discard(Which),
}

/// Which dead letters.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Only this one
    #[arg(long)]
    pub(crate) id: Option<i64>,
    /// Only for this endpoint
    #[arg(long)]
    pub(crate) endpoint: Option<String>,
    /// Only messages of this name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Only with this code, such as W0001
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// All of them: redrive and discard want this, or one of the others
    #[arg(long)]
    pub(crate) all: bool,
    /// At most so many [default: 1000]
    #[arg(long)]
    pub(crate) limit: Option<u32>,
}

impl CommandLine {
    pub(crate) fn database(&self) -> anyhow::Result<&str> {
        self.database.as_deref().ok_or_else(|| anyhow::anyhow!("say which database: --database, or DATABASE_URL"))
    }

    pub(crate) fn tenant(&self) -> Tenant {
        Tenant::new(&self.tenant)
    }

    /// Who sits here.
    pub(crate) fn who(&self) -> String {
        self.who.clone().or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "command line".to_owned())
    }
}
