//! Jobs: work with a history.

mod answer;
mod arguments;
mod blocking;
mod filter;
mod history;
mod options;
mod retention;
mod run;
mod settings;

pub use answer::JobAnswer;
pub use blocking::{Blocking, blocking};
pub use filter::JobFilter;
pub use history::Enqueued;
pub use options::JobOptions;
pub use run::Run;
pub use settings::JobSettings;

pub(crate) use arguments::{KnownJobs, job_type};
pub(crate) use filter::Filters;
pub(crate) use retention::retention;
pub(crate) use settings::apply;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Key, Kind, Message, Priority};

/// A job: its arguments, as a plain serde type with a JSON schema, that says what the job is called.
///
/// A job is a command whose every run is kept: when it was enqueued, by which worker it ran and for how long, what it
/// logged, how far it has come, what it returned or why it failed. It waits in the store's own queue, whatever carries
/// messages, and one that no worker knows yet waits there until one does. Workers announce the schema of its arguments, so
/// that those which somebody writes by hand are refused at the door where they do not fit.
///
/// ```
/// # use std::time::Duration;
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// # use wharf::{Client, Error, Job, JobOptions, Module, Msg, Result, Run, Tenant};
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Resize { pictures: Vec<String>, width: u32 }
///
/// impl Job for Resize {
///     const NAME: &'static str = "pictures.resize";
/// }
///
/// async fn resize(Msg(job): Msg<Resize>, run: Run) -> Result<usize> {
///     let all = job.pictures.len();
///     for (nth, picture) in job.pictures.iter().enumerate() {
///         // …
///         run.info(format!("{picture} is {} wide", job.width));
///         run.progress(nth + 1, all);
///     }
///     Ok(all)
/// }
///
/// let slow = JobOptions::default().max_parallel(2).timeout(Duration::from_secs(3600));
/// let module = Module::new("pictures", ()).job_with("resize-pictures", slow, resize);
///
/// # async fn example(client: &Client, tenant: &Tenant) -> Result<(), Error> {
/// let id = client.enqueue(tenant, Resize { pictures: vec!["a.png".to_owned()], width: 640 }).await?;
/// let run = client.run(tenant, id).await?;
/// # Ok(())
/// # }
/// ```
// Every job is a message, so whoever is neither is told so here.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a message nor a job",
    label = "not a message, and not a job",
    note = "implement `wharf::Message` for it: the name it travels under, and the key it is about",
    note = "or `wharf::Job`, if every run of it is to have a history",
    note = "a handler returns `wharf::Result` of `()`, a message, or an `Option`, `Vec` or tuple of messages"
)]
pub trait Job: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// What it is called, `context.what-to-do`. Never derived from the Rust path.
    const NAME: &'static str;
    /// Raised when the meaning of the arguments changes. Added fields need no new version: unknown ones are ignored.
    const VERSION: u16 = 1;
    /// What is taken up first where more waits than can be run.
    const PRIORITY: Priority = Priority::Normal;

    /// What it is about, for a [`Guard`](crate::Guard) and for who reads the logs.
    fn key(&self) -> Key {
        Key::new("job", Self::NAME)
    }

    /// Lifts arguments of this older version to the next, as [`Message::upcast`].
    fn upcast(_version: u16, _args: serde_json::Value) -> Option<serde_json::Value> {
        None
    }
}

impl<J: Job> Message for J {
    const NAME: &'static str = J::NAME;
    const VERSION: u16 = J::VERSION;
    const KIND: Kind = Kind::Job;
    const PRIORITY: Priority = J::PRIORITY;

    fn key(&self) -> Key {
        Job::key(self)
    }

    fn upcast(version: u16, body: serde_json::Value) -> Option<serde_json::Value> {
        J::upcast(version, body)
    }
}

/// What the queues of jobs are called: this, and the name of the job.
pub(crate) const QUEUE_PREFIX: &str = "job:";

/// The queue in which the runs of a job wait.
pub(crate) fn queue(job: &str) -> Arc<str> {
    Arc::from(format!("{QUEUE_PREFIX}{job}"))
}
