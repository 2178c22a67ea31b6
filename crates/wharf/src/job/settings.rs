//! How a job is run, as a configuration says.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::JobOptions;
use crate::{Code, Error, endpoint::EndpointDefinition};

/// What a configuration says of how a job is run, for [`Worker::job_settings`](crate::Worker::job_settings). What it leaves
/// out is as the code has it.
///
/// ```
/// # use wharf::{JobSettings, Memory, Module, Worker};
/// # use std::collections::BTreeMap;
/// let settings: BTreeMap<String, JobSettings> =
///     serde_json::from_str(r#"{ "pictures.resize": { "max_parallel": 2, "timeout_s": 3600 } }"#)?;
/// let worker = Worker::new(Memory::new()).job_settings(settings);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct JobSettings {
    /// [`JobOptions::max_parallel`].
    pub max_parallel: Option<usize>,
    /// [`JobOptions::timeout`].
    pub timeout_s: Option<u64>,
    /// The first of [`JobOptions::retries`]; with neither, its policy stays.
    pub max_retries: Option<u32>,
    /// The second of [`JobOptions::retries`].
    pub base_retry_delay_s: Option<u64>,
    /// [`JobOptions::mirror_logs`].
    pub mirror_logs: Option<bool>,
}

impl JobSettings {
    /// [`JobOptions::timeout`].
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout_s = Some(limit.as_secs());
        self
    }

    /// The options that code has chosen, with what is said here in their place.
    fn over(&self, options: &JobOptions) -> JobOptions {
        let mut options = options.clone();
        options.max_parallel = self.max_parallel.unwrap_or(options.max_parallel);
        options.timeout = self.timeout_s.map_or(options.timeout, Duration::from_secs);
        options.mirrors_logs = self.mirror_logs.unwrap_or(options.mirrors_logs);
        if self.max_retries.is_some() || self.base_retry_delay_s.is_some() {
            let max = self.max_retries.unwrap_or_else(|| options.retry.retries());
            let first_delay = self.base_retry_delay_s.map_or(JobOptions::BASE_RETRY_DELAY, Duration::from_secs);
            options = options.retries(max, first_delay);
        }
        options
    }
}

/// Puts settings in force. Returns what is wrong with them.
pub(crate) fn apply(settings: &BTreeMap<String, JobSettings>, endpoints: &mut [EndpointDefinition]) -> Vec<Error> {
    let mut unknown: Vec<_> = settings.keys().map(String::as_str).collect();
    for endpoint in endpoints {
        let Some(job) = &endpoint.job else { continue };
        let Some((name, settings)) = settings.get_key_value(&*job.announces.name) else { continue };
        unknown.retain(|other| other != name);
        let options = settings.over(&job.options);
        endpoint.run_as(options);
    }
    let unknown = unknown.into_iter().map(|name| {
        let message = format!("there are settings for the job `{name}`, which this worker does not run");
        Error::new(Code::JOB_UNKNOWN, message)
    });
    unknown.collect()
}
