//! `wharf queues`: how much waits.

use wharf::Client;

use crate::shown::Shown;

const COLUMNS: &[&str] = &["endpoint", "due", "delayed", "held", "oldest s"];

pub(crate) async fn list(client: &Client) -> anyhow::Result<Shown> {
    let depths = client.depth().await?;
    let rows = depths.into_iter().map(|depth| {
        let oldest = depth.oldest.map(|oldest| oldest.as_secs());
        vec![depth.endpoint.into(), depth.due.into(), depth.delayed.into(), depth.held.into(), oldest.into()]
    });
    Ok(Shown::Table { columns: COLUMNS, rows: rows.collect() })
}
