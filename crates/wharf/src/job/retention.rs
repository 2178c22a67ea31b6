//! Deletes what was kept long enough, as a job whose runs tell how much went.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Job, Run};
use crate::{
    Limits, Module, Msg, Overlap, Result, Schedule, State, Timetable, failure::Failure, ports::Engine,
    runtime::prune_once,
};

/// Delete what was kept long enough.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Retain {}

impl Job for Retain {
    const NAME: &'static str = "wharf.retention";
}

#[derive(Clone)]
struct Keeper {
    engine: Arc<dyn Engine>,
    limits: Limits,
}

/// How much went.
#[derive(Serialize)]
struct Forgotten {
    rows: u64,
}

/// The module that does it at these times.
pub(crate) fn retention(engine: Arc<dyn Engine>, limits: Limits, times: Timetable) -> Module<impl Clone + Send + Sync> {
    Module::new("wharf", Keeper { engine, limits })
        .job("wharf.retention", retain)
        .schedule(Schedule::new(times, Retain {}).overlap(Overlap::Skip))
}

async fn retain(Msg(Retain {}): Msg<Retain>, State(keeper): State<Keeper>, run: Run) -> Result<Forgotten> {
    let mut rows = 0;
    loop {
        let batch = prune_once(&*keeper.engine, &keeper.limits).await.map_err(Failure::from)?;
        rows += batch.rows;
        if batch.is_last {
            return Ok(Forgotten { rows });
        }
        run.info(format!("{rows} rows are deleted so far"));
    }
}
