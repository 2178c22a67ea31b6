//! `wharf queues`: how much waits, and who is at it.

use wharf::Client;

use crate::shown::Shown;

const COLUMNS: &[&str] = &["endpoint", "due", "delayed", "held", "oldest s", "workers"];

pub(crate) async fn list(client: &Client) -> anyhow::Result<Shown> {
    let (depths, workers) = (client.depth().await?, client.workers().await?);
    let rows = depths.into_iter().map(|depth| {
        let oldest = depth.oldest.map(|oldest| oldest.as_secs());
        // Who drains takes nothing more in.
        let at_it = workers.iter().filter(|worker| !worker.is_draining && worker.endpoints.contains(&depth.endpoint));
        let at_it = at_it.count();
        vec![
            depth.endpoint.into(),
            depth.due.into(),
            depth.delayed.into(),
            depth.held.into(),
            oldest.into(),
            at_it.into(),
        ]
    });
    Ok(Shown::Table { columns: COLUMNS, rows: rows.collect() })
}
