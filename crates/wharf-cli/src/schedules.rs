//! `wharf schedules`: when they are due, and changing that.

use serde_json::Value;
use wharf::{Client, StoredSchedule, Tenant, Timetable};

use crate::{
    command_line::SchedulesCommand,
    shown::{Shown, moment},
};

const COLUMNS: &[&str] = &["name", "times", "next", "last", "missed", "skipped", "paused", "version", "changed by"];

pub(crate) async fn run(
    client: &Client,
    tenant: &Tenant,
    command: &SchedulesCommand,
    who: String,
) -> anyhow::Result<Shown> {
    let changed = match command {
        SchedulesCommand::List => {
            let all = client.schedules().await?;
            let rows = all.iter().filter(|one| one.tenant == *tenant).map(row).collect();
            return Ok(Shown::Table { columns: COLUMNS, rows });
        }
        SchedulesCommand::Show { name, preview } => {
            let found = client.schedule(tenant, name).await?;
            let next = found.preview(*preview)?.into_iter();
            let lines = next.map(|at| moment(Some(at)).as_str().unwrap_or_default().to_owned());
            return Ok(Shown::Card { fields: card(&found), lines: lines.collect() });
        }
        SchedulesCommand::Run { name, args } => {
            let id = match args {
                Some(args) => {
                    let args =
                        serde_json::from_str(args).map_err(|error| anyhow::anyhow!("--args is no JSON: {error}"))?;
                    client.trigger_schedule_with(tenant, name, &args, &who).await?
                }
                None => client.trigger_schedule(tenant, name, &who).await?,
            };
            return Ok(Shown::words(format!("{id} is sent")));
        }
        SchedulesCommand::Pause { name } => client.pause_schedule(tenant, name, &who).await?,
        SchedulesCommand::Resume { name } => client.resume_schedule(tenant, name, &who).await?,
        SchedulesCommand::Change { name, cron, zone } => {
            client.change_schedule(tenant, name, Timetable::cron(cron, zone)?, &who).await?
        }
        SchedulesCommand::Reset { name } => client.reset_schedule(tenant, name, &who).await?,
    };
    Ok(Shown::Card { fields: card(&changed), lines: Vec::new() })
}

fn row(schedule: &StoredSchedule) -> Vec<Value> {
    vec![
        (*schedule.name).into(),
        (*schedule.times).into(),
        moment(schedule.next_at),
        moment(schedule.last_at),
        schedule.missed.into(),
        schedule.skipped.into(),
        moment(schedule.paused_at),
        schedule.version.into(),
        schedule.changed_by.as_deref().into(),
    ]
}

fn card(schedule: &StoredSchedule) -> Vec<(&'static str, Value)> {
    let mut fields: Vec<_> = COLUMNS.iter().copied().zip(row(schedule)).collect();
    let declared = schedule.is_changed_by_hand().then(|| schedule.declared.to_string());
    fields.extend([
        ("paused because", schedule.paused_because.as_deref().into()),
        ("declared", declared.into()),
        ("changed", moment(Some(schedule.changed_at))),
        ("misfire", schedule.misfire.as_str().into()),
        ("sends", (*schedule.message).into()),
    ]);
    fields
}
