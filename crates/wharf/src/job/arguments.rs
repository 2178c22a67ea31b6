//! Whether arguments that somebody wrote by hand fit the job they are for.

use std::{collections::HashMap, fmt, sync::OnceLock};

use boon::{Compiler, SchemaIndex, Schemas, SchemeUrlLoader, ValidationError};
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Job;
use crate::{Code, Draft, Error, ports::JobType};

/// The name under which a schema is known while it is compiled; it never leaves this process.
const LOCATION: &str = "wharf:arguments";
/// So many faults are told of; who mends these sees the next.
const FAULTS_MAX: usize = 5;

/// The jobs that workers have announced.
#[derive(Debug, Default)]
pub(crate) struct KnownJobs(HashMap<String, KnownJob>);

#[derive(Debug)]
struct KnownJob {
    announced: JobType,
    /// Made when it is first asked for: most processes never do. `None` of a schema that cannot be read.
    arguments: OnceLock<Option<Arguments>>,
}

/// A schema, ready to be asked.
struct Arguments {
    schemas: Schemas,
    root: SchemaIndex,
}

/// What is announced of a job.
pub(crate) fn job_type<J: Job>() -> JobType {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<J>();
    JobType { name: J::NAME.into(), version: J::VERSION, schema: schema.to_value().to_string().into() }
}

impl KnownJobs {
    /// Of two announcements of one job the newer version counts, and of one version the later.
    pub(crate) fn of(announced: impl IntoIterator<Item = JobType>) -> Self {
        let mut known = HashMap::<String, KnownJob>::new();
        for announced in announced {
            let before = known.get(&*announced.name);
            if before.is_none_or(|before| before.announced.version <= announced.version) {
                known.insert(announced.name.to_string(), KnownJob { announced, arguments: OnceLock::new() });
            }
        }
        Self(known)
    }

    /// The version of a draft's arguments: its own, or, of one that was written down by the job's name alone, the one that
    /// workers announce.
    ///
    /// # Errors
    /// `W0104` when they do not fit the schema.
    pub(crate) fn admit(&self, draft: &Draft) -> Result<u16, Error> {
        let known = if draft.by_name { self.0.get(&*draft.name) } else { None };
        let Some(KnownJob { announced, arguments }) = known else { return Ok(draft.version) };
        let body = draft.body.as_deref().unwrap_or_default();
        let body: Value = serde_json::from_str(body).map_err(|error| unfit(announced, &error.to_string()))?;
        if let Some(arguments) = arguments.get_or_init(|| Arguments::of(announced)) {
            arguments.check(&body).map_err(|faults| unfit(announced, &faults))?;
        }
        Ok(announced.version)
    }
}

impl Arguments {
    fn of(announced: &JobType) -> Option<Self> {
        let mut compiler = Compiler::new();
        // A schema is whole; what it points to elsewhere is not fetched.
        compiler.use_loader(Box::new(SchemeUrlLoader::new()));
        let mut schemas = Schemas::new();
        let read = serde_json::from_str(&announced.schema).map_err(|error| error.to_string());
        let compiled = read.and_then(|schema| {
            compiler.add_resource(LOCATION, schema).map_err(|error| format!("{error:#}"))?;
            compiler.compile(LOCATION, &mut schemas).map_err(|error| format!("{error:#}"))
        });
        match compiled {
            Ok(root) => Some(Self { schemas, root }),
            Err(error) => {
                tracing::warn!(
                    job = &*announced.name,
                    error,
                    "the schema of its arguments cannot be read, nor they checked"
                );
                None
            }
        }
    }

    fn check(&self, body: &Value) -> Result<(), String> {
        self.schemas.validate(body, self.root).map_err(|error| {
            let mut faults = Vec::new();
            collect(&error, &mut faults);
            let more = faults.len().saturating_sub(FAULTS_MAX);
            faults.truncate(FAULTS_MAX);
            if more > 0 {
                faults.push(format!("and {more} more"));
            }
            faults.join("; ")
        })
    }
}

/// What is wrong itself, without what is wrong only because of it.
fn collect(error: &ValidationError<'_, '_>, faults: &mut Vec<String>) {
    if error.causes.is_empty() {
        let place = error.instance_location.to_string();
        let place = if place.is_empty() { "the arguments" } else { &*place };
        faults.push(format!("{place}: {}", error.kind));
    }
    error.causes.iter().for_each(|cause| collect(cause, faults));
}

fn unfit(announced: &JobType, faults: &str) -> Error {
    Error::new(Code::ARGUMENTS_UNFIT, format!("job `{}`: {faults}", announced.name))
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arguments").finish_non_exhaustive()
    }
}
