//! What a worker says of a job that it runs.

use std::sync::Arc;

/// A job as workers announce it, so that others know what there is to run, and with which arguments. No tenant owns it, as
/// a worker runs every tenant's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobType {
    /// [`Job::NAME`](crate::Job::NAME).
    pub name: Arc<str>,
    /// [`Job::VERSION`](crate::Job::VERSION). Of workers that run different versions the newest speaks.
    pub version: u16,
    /// The JSON schema of its arguments, draft 2020-12.
    pub schema: Arc<str>,
}
