//! What is shown: a table for people, or JSON for programs.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use wharf::Timestamp;

/// What a command has to show.
#[derive(Debug)]
pub(crate) enum Shown {
    /// One sentence.
    Words(String),
    /// Rows of named columns.
    Table { columns: &'static [&'static str], rows: Vec<Vec<Value>> },
    /// One thing, field by field, and lines below it.
    Card { fields: Vec<(&'static str, Value)>, lines: Vec<String> },
}

impl Shown {
    pub(crate) fn words(words: impl Into<String>) -> Self {
        Self::Words(words.into())
    }

    #[expect(clippy::print_stdout, reason = "this is what the program is for")]
    pub(crate) fn print(&self, json: bool) {
        if json {
            println!("{:#}", self.json());
        } else {
            print!("{}", self.text());
        }
    }

    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Words(words) => Value::Object(Map::from_iter([("message".to_owned(), words.as_str().into())])),
            Self::Table { columns, rows } => rows.iter().map(|row| object(columns.iter().copied().zip(row))).collect(),
            Self::Card { fields, lines } => {
                let mut card = object(fields.iter().map(|(name, value)| (*name, value)));
                if !lines.is_empty() {
                    card["log"] = lines.iter().map(String::as_str).collect();
                }
                card
            }
        }
    }

    pub(crate) fn text(&self) -> String {
        match self {
            Self::Words(words) => format!("{words}\n"),
            Self::Table { rows, .. } if rows.is_empty() => "none\n".to_owned(),
            Self::Table { columns, rows } => table(columns, rows),
            Self::Card { fields, lines } => {
                let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
                let shown = fields.iter().filter(|(_, value)| !value.is_null());
                let mut text = shown.fold(String::new(), |mut text, (name, value)| {
                    let _ = writeln!(text, "{name:width$}  {}", plain(value));
                    text
                });
                lines.iter().for_each(|line| text.extend(["  ", line, "\n"]));
                text
            }
        }
    }
}

fn object<'a>(fields: impl Iterator<Item = (&'static str, &'a Value)>) -> Value {
    fields.map(|(name, value)| (name.replace(' ', "_"), value.clone())).collect()
}

fn table(columns: &[&str], rows: &[Vec<Value>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(plain).collect()).collect();
    let head = columns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let all = || std::iter::once(&head).chain(&rows);
    let widths: Vec<_> = (0..columns.len())
        .map(|column| all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    all().fold(String::new(), |mut text, row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
        text
    })
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// A moment, in UTC, to the second: `2026-11-22 07:30:00Z`.
pub(crate) fn moment(at: Option<Timestamp>) -> Value {
    let shown = |at: Timestamp| jiff::Timestamp::from_microsecond(at.as_micros()).ok();
    match at.and_then(shown) {
        Some(at) => at.strftime("%Y-%m-%d %H:%M:%SZ").to_string().into(),
        None => Value::Null,
    }
}

/// JSON as it is, and what is none as a text.
pub(crate) fn written(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}
