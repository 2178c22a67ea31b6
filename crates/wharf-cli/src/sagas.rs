//! `wharf sagas`: where they stand, and what they wait for.

use std::sync::Arc;

use serde_json::{Value, json};
use wharf::{Client, Key, SagaFilter, SagaId, SagaRecord, SagaTimer, Tenant};

use crate::{
    command_line::SagasCommand,
    shown::{Shown, moment, written},
};

const COLUMNS: &[&str] = &["saga", "key", "state", "revision", "began", "since", "timer", "due", "finished"];

pub(crate) async fn run(client: &Client, tenant: &Tenant, command: &SagasCommand) -> anyhow::Result<Shown> {
    match command {
        SagasCommand::List { saga, state, finished, limit } => {
            let mut filter = SagaFilter::default().tenant(tenant).finished(*finished).limit(*limit);
            (filter.saga, filter.state) = (saga.clone(), state.clone());
            let rows = client.sagas(&filter).await?.iter().map(row).collect();
            Ok(Shown::Table { columns: COLUMNS, rows })
        }
        SagasCommand::Show { saga, key } => {
            let (name, of) = (Arc::from(saga.as_str()), Key::from_stored(key.clone()));
            let one = SagaFilter::one(&SagaId { tenant: tenant.clone(), saga: name, key: of });
            let found = client.sagas(&one).await?;
            let unknown = || anyhow::anyhow!("tenant `{tenant}` has no saga `{saga}` of {key}, or it is over and gone");
            let record = found.first().ok_or_else(unknown)?;
            Ok(Shown::Card { fields: card(record), lines: Vec::new() })
        }
    }
}

fn row(record: &SagaRecord) -> Vec<Value> {
    let next = record.timers.first();
    vec![
        (*record.row.id.saga).into(),
        record.row.id.key.as_str().into(),
        record.row.state_name.as_str().into(),
        record.row.revision.into(),
        moment(Some(record.began_at)),
        moment(Some(record.updated_at)),
        next.map(|timer| timer.name.as_str()).into(),
        moment(next.map(|timer| timer.due_at)),
        moment(record.finished_at),
    ]
}

fn card(record: &SagaRecord) -> Vec<(&'static str, Value)> {
    let mut fields: Vec<_> = COLUMNS.iter().copied().zip(row(record)).collect();
    fields.extend([
        ("version", record.row.version.into()),
        ("state in full", written(&record.row.state)),
        ("facts", written(&record.row.facts)),
        ("timers", record.timers.iter().map(timer).collect()),
    ]);
    fields
}

fn timer(timer: &SagaTimer) -> Value {
    json!({ "name": timer.name, "due": moment(Some(timer.due_at)), "fired": timer.fired, "armed_at_revision": timer.generation })
}
