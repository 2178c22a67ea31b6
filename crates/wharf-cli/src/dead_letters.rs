//! `wharf dead-letters`: what was given up, and what becomes of it.

use serde_json::Value;
use wharf::{Client, DeadLetter, DeadLetterFilter};

use crate::{
    command_line::{DeadLettersCommand, Which},
    shown::{Shown, moment},
};

const COLUMNS: &[&str] = &["id", "endpoint", "message", "key", "code", "attempts", "died", "reason"];
/// A reason in a table is cut to so many characters.
const REASON_MAX_CHARS: usize = 60;

pub(crate) async fn run(client: &Client, command: &DeadLettersCommand) -> anyhow::Result<Shown> {
    match command {
        DeadLettersCommand::List(which) => {
            let rows = client.dead_letters(&filter(which)).await?.iter().map(row).collect();
            Ok(Shown::Table { columns: COLUMNS, rows })
        }
        DeadLettersCommand::Show { id } => {
            let mut one = DeadLetterFilter::default();
            one.id = Some(*id);
            let letters = client.dead_letters(&one).await?;
            let letter = letters.first().ok_or_else(|| anyhow::anyhow!("there is no dead letter {id}"))?;
            Ok(Shown::Card { fields: card(letter), lines: Vec::new() })
        }
        DeadLettersCommand::Redrive(which) => {
            let redriven = client.redrive(&meant(which)?).await?;
            Ok(Shown::words(format!("{redriven} sent round again")))
        }
        DeadLettersCommand::Discard(which) => {
            let discarded = client.discard(&meant(which)?).await?;
            Ok(Shown::words(format!("{discarded} discarded")))
        }
    }
}

fn filter(which: &Which) -> DeadLetterFilter {
    let mut filter = DeadLetterFilter::default();
    filter.id = which.id;
    (filter.endpoint, filter.name) = (which.endpoint.clone(), which.name.clone());
    (filter.code, filter.limit) = (which.code.clone(), which.limit);
    filter
}

/// All of them only for who says so.
fn meant(which: &Which) -> anyhow::Result<DeadLetterFilter> {
    let says_which = which.id.is_some() || which.endpoint.is_some() || which.name.is_some() || which.code.is_some();
    anyhow::ensure!(says_which || which.all, "say which: --id, --endpoint, --name or --code; or --all");
    Ok(filter(which))
}

fn row(letter: &DeadLetter) -> Vec<Value> {
    let mut reason: String = letter.reason.chars().take(REASON_MAX_CHARS).collect();
    if reason.len() < letter.reason.len() {
        reason.push('…');
    }
    vec![
        letter.id.into(),
        letter.endpoint.as_str().into(),
        (*letter.envelope.name).into(),
        letter.envelope.key.as_str().into(),
        letter.code.as_str().into(),
        letter.envelope.attempt.into(),
        moment(Some(letter.died_at)),
        reason.into(),
    ]
}

fn card(letter: &DeadLetter) -> Vec<(&'static str, Value)> {
    let mut fields: Vec<_> = COLUMNS.iter().copied().zip(row(letter)).filter(|(name, _)| *name != "reason").collect();
    let body = serde_json::from_str(&letter.body).unwrap_or_else(|_| Value::from(&*letter.body));
    fields.extend([
        ("reason", letter.reason.as_str().into()),
        ("means", letter.meaning().into()),
        ("message id", letter.envelope.id.to_string().into()),
        ("tenant", letter.envelope.tenant.as_str().into()),
        ("crashes", letter.envelope.crashes.into()),
        ("redrives", letter.envelope.redrives.into()),
        ("body", body),
    ]);
    fields
}
