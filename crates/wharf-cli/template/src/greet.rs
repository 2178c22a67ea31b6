//! Greets people, one after the other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wharf::{Failure, Job, Msg, Result, Run};

/// The arguments. Whoever enqueues the job from elsewhere is held to their schema.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Greet {
    /// Whom, in this order.
    pub names: Vec<String>,
}

impl Job for Greet {
    const NAME: &'static str = "people.greet";
}

/// What it logs, how far it has come and what it returns is kept with the run.
pub(crate) async fn greet(Msg(Greet { names }): Msg<Greet>, run: Run) -> Result<usize> {
    for (nth, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(Failure::dead_letter("nobody is called nothing"));
        }
        run.info(format!("Hello, {name}!"));
        run.progress(nth + 1, names.len());
    }
    Ok(names.len())
}
