//! `wharf jobs`: runs, and what became of them.

use std::sync::Arc;

use serde_json::Value;
use wharf::{Client, Draft, Error, Heartbeat, JobType, RunFilter, RunRecord, RunStatus, Tenant};

use crate::{
    command_line::JobsCommand,
    shown::{Shown, moment, written},
};

const COLUMNS: &[&str] = &["run", "job", "status", "attempts", "enqueued", "started", "ended", "progress", "why"];

pub(crate) async fn run(client: &Client, tenant: &Tenant, command: &JobsCommand) -> anyhow::Result<Shown> {
    match command {
        JobsCommand::List { job, schedule, status, limit } => {
            let mut filter = RunFilter::default().tenant(tenant).limit(*limit);
            (filter.job, filter.schedule, filter.status) = (job.clone(), schedule.clone(), *status);
            let (runs, alive) = (client.runs(&filter).await?, Alive::now(client).await?);
            Ok(Shown::Table { columns: COLUMNS, rows: runs.iter().map(|run| row(run, &alive)).collect() })
        }
        JobsCommand::Show { run } => {
            let unknown = || anyhow::anyhow!("there is no run {run} of tenant `{tenant}`, or its history is gone");
            let found = client.run(tenant, *run).await?.ok_or_else(unknown)?;
            let log = client.run_log(tenant, *run, None).await?;
            let lines = log.iter().map(|line| {
                let fields = line.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect::<String>();
                format!("{} {:5} {}{fields}", time(line.at), line.level, line.text)
            });
            Ok(Shown::Card { fields: card(&found, &Alive::now(client).await?), lines: lines.collect() })
        }
        JobsCommand::Types { job } => types(client, job.as_deref()).await,
        JobsCommand::Run { job, args, unique } => enqueue(client, tenant, job, args, unique.as_deref()).await,
        JobsCommand::Cancel { run } => {
            client.cancel(tenant, *run).await?;
            let after = client.run(tenant, *run).await?.map(|run| run.status.to_string());
            Ok(Shown::words(format!("{run} is to be cancelled; it is {}", after.as_deref().unwrap_or("unknown"))))
        }
        JobsCommand::Retry { run } => {
            let again = client.rerun(tenant, *run).await?;
            Ok(Shown::words(format!("{again} is queued")))
        }
    }
}

async fn enqueue(
    client: &Client,
    tenant: &Tenant,
    job: &str,
    args: &str,
    unique: Option<&str>,
) -> anyhow::Result<Shown> {
    let args: Value = serde_json::from_str(args).map_err(|error| anyhow::anyhow!("--args is no JSON: {error}"))?;
    let mut draft = Draft::of_job(job, &args);
    draft.unique = unique.map(str::to_owned);
    let id = client.post(tenant, &draft).await?;
    let words = match client.run(tenant, id).await? {
        Some(_) => format!("{id} is queued{}", no_worker(client, job).await?),
        None => "another of its key waits or runs".to_owned(),
    };
    Ok(Shown::words(words))
}

/// Says so where no worker that is alive runs the job.
async fn no_worker(client: &Client, job: &str) -> Result<&'static str, Error> {
    let known = Alive::now(client).await?.runners(job) > 0;
    Ok(if known { "" } else { "; no worker for this type is alive" })
}

async fn types(client: &Client, job: Option<&str>) -> anyhow::Result<Shown> {
    let (types, alive) = (client.job_types().await?, Alive::now(client).await?);
    let Some(job) = job else {
        let row = |one: &JobType| vec![(*one.name).into(), one.version.into(), alive.runners(&one.name).into()];
        let rows = types.iter().map(row).collect();
        return Ok(Shown::Table { columns: &["job", "version", "workers"], rows });
    };
    let unknown = || anyhow::anyhow!("no worker has announced a job `{job}`");
    let found = types.iter().find(|one| *one.name == *job).ok_or_else(unknown)?;
    let fields = vec![
        ("job", (*found.name).into()),
        ("version", found.version.into()),
        ("workers", alive.runners(job).into()),
        ("schema", written(&found.schema)),
    ];
    Ok(Shown::Card { fields, lines: Vec::new() })
}

/// The endpoints of each worker that is alive.
struct Alive(Vec<Heartbeat>);

impl Alive {
    async fn now(client: &Client) -> Result<Self, Error> {
        client.workers().await.map(Self)
    }

    /// How many of them run this job.
    fn runners(&self, job: &str) -> usize {
        let queue = format!("job:{job}");
        self.0.iter().filter(|worker| worker.endpoints.contains(&queue)).count()
    }
}

fn row(run: &RunRecord, alive: &Alive) -> Vec<Value> {
    let progress = run.progress.map(|progress| format!("{}/{}", progress.done, progress.of));
    vec![
        run.id.to_string().into(),
        (*run.job).into(),
        run.status.as_str().into(),
        run.attempts.into(),
        moment(Some(run.enqueued_at)),
        moment(run.started_at),
        moment(run.ended_at),
        progress.into(),
        why(run, alive).into(),
    ]
}

/// Why it is where it is: its error, or that nobody is there who would run it.
fn why(run: &RunRecord, alive: &Alive) -> Option<String> {
    let waits = matches!(run.status, RunStatus::Queued | RunStatus::Retrying);
    let nobody = waits && alive.runners(&run.job) == 0;
    if nobody { Some("no worker for this type".to_owned()) } else { run.code.clone() }
}

fn card(run: &RunRecord, alive: &Alive) -> Vec<(&'static str, Value)> {
    let json = |text: &Option<Arc<str>>| text.as_deref().map(written);
    let mut fields: Vec<_> = COLUMNS.iter().copied().zip(row(run, alive)).filter(|(name, _)| *name != "why").collect();
    fields.extend([
        ("due", moment(run.due_at)),
        ("crashes", run.crashes.into()),
        ("redrives", run.redrives.into()),
        ("worker", run.worker.map(|worker| worker.to_string()).into()),
        ("schedule", run.trail.firing.as_ref().map(|firing| firing.schedule.to_string()).into()),
        ("args", written(&run.args)),
        ("result", json(&run.result).into()),
        (
            "why",
            run.code
                .as_ref()
                .map(|code| format!("{code}: {}", run.reason.as_deref().unwrap_or("")))
                .or(why(run, alive))
                .into(),
        ),
    ]);
    fields
}

fn time(at: wharf::Timestamp) -> String {
    moment(Some(at)).as_str().unwrap_or_default().to_owned()
}
