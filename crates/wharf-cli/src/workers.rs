//! `wharf workers`: who is alive.

use wharf::Client;

use crate::shown::{Shown, moment};

const COLUMNS: &[&str] = &["worker", "name", "host", "pid", "version", "started", "handling", "draining", "endpoints"];

pub(crate) async fn list(client: &Client) -> anyhow::Result<Shown> {
    let workers = client.workers().await?;
    let rows = workers.into_iter().map(|worker| {
        vec![
            worker.worker.to_string().into(),
            worker.name.into(),
            worker.host.into(),
            worker.pid.into(),
            worker.version.into(),
            moment(Some(worker.started_at)),
            worker.handling.into(),
            worker.is_draining.into(),
            worker.endpoints.join(" ").into(),
        ]
    });
    Ok(Shown::Table { columns: COLUMNS, rows: rows.collect() })
}
