//! Where settings come from, lowest first: a file, the environment, flags.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};

use figment::{
    Error, Figment, Metadata, Profile, Provider,
    providers::{Format, Toml},
    util,
    value::{Dict, Map, Value},
};

use super::problem::Problem;

/// The file that is read when no other is named, if it is there.
const DEFAULT_FILE: &str = "orderly.toml";
/// `ORDERLY_PAYMENTS__DELAY` is `payments.delay`. A variable of this beginning that names no setting is a mistake.
const VARIABLE_PREFIX: &str = "ORDERLY_";
const VARIABLE_POINT: &str = "__";
/// Settings that the world knows under names of its own, which win.
const VARIABLES: [(&str, &str); 6] = [
    ("DATABASE_URL", "database.url"),
    ("AMQP_URL", "broker.url"),
    ("REDIS_URL", "redis.url"),
    ("JWT_KEY", "jwt.key"),
    ("JWT_ISSUER", "jwt.issuer"),
    ("JWT_AUDIENCE", "jwt.audience"),
];

/// All places that a setting may stand in, besides its default.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    file: Option<PathBuf>,
    environment: BTreeMap<String, String>,
    flags: Vec<Flag>,
}

/// A setting that stands on the command line.
#[derive(Debug, Clone)]
pub(crate) struct Flag {
    name: String,
    key: String,
    value: String,
}

impl Flag {
    pub(crate) fn new(name: &str, key: &str, value: impl Into<String>) -> Self {
        Self { name: name.to_owned(), key: key.to_owned(), value: value.into() }
    }
}

impl Sources {
    /// This process's environment, the flags it was started with, and the file they name or `orderly.toml`.
    pub(crate) fn of_this_process(file: Option<PathBuf>, flags: Vec<Flag>) -> Self {
        let file = file.or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.exists()));
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        let environment = env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        Self { file, environment, flags }
    }

    /// All of it in one, the last word winning.
    pub(super) fn layers(&self, problems: &mut Vec<Problem>) -> Figment {
        let mut layers = Figment::new();
        if let Some(file) = &self.file {
            match read(file) {
                Ok(toml) => layers = layers.merge(toml),
                Err(message) => {
                    problems.push(Problem { key: String::new(), place: file.display().to_string(), message });
                }
            }
        }
        // An empty variable is how a shell or a container says that it is not set.
        let variables = self.environment.iter().filter(|(_, value)| !value.is_empty());
        for (name, value) in variables {
            if let Some(key) = name.strip_prefix(VARIABLE_PREFIX).map(|rest| rest.replace(VARIABLE_POINT, ".")) {
                layers = layers.merge(One::variable(name, &key.to_lowercase(), value));
            }
        }
        for (name, key) in VARIABLES {
            if let Some(value) = self.environment.get(name).filter(|value| !value.is_empty()) {
                layers = layers.merge(One::variable(name, key, value));
            }
        }
        for Flag { name, key, value } in &self.flags {
            layers = layers.merge(One { place: format!("flag {name}"), key: key.clone(), value: value.clone() });
        }
        layers
    }
}

/// The environment variable that a setting is best set by.
pub(super) fn variable(key: &str) -> String {
    let known = VARIABLES.iter().find(|(_, known)| *known == key).map(|(name, _)| (*name).to_owned());
    known.unwrap_or_else(|| format!("{VARIABLE_PREFIX}{}", key.replace('.', VARIABLE_POINT).to_uppercase()))
}

/// A file's settings, or why they cannot be read.
fn read(file: &Path) -> Result<impl Provider + use<>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("it cannot be read: {error}"))?;
    let toml = Toml::string(&text);
    let data = toml.data().map_err(|error| error.kind.to_string())?;
    Ok(Whole { place: file.display().to_string(), data })
}

/// A file.
struct Whole {
    place: String,
    data: Map<Profile, Dict>,
}

impl Provider for Whole {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.place.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(self.data.clone())
    }
}

/// A single setting. Its value stays the text it is: a key of digits is no number.
struct One {
    place: String,
    key: String,
    value: String,
}

impl One {
    fn variable(name: &str, key: &str, value: &str) -> Self {
        Self { place: format!("environment variable {name}"), key: key.to_owned(), value: value.to_owned() }
    }
}

impl Provider for One {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.place.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let nested = util::nest(&self.key, Value::from(self.value.clone()));
        Ok(Profile::Default.collect(nested.into_dict().unwrap_or_default()))
    }
}

#[cfg(test)]
impl Sources {
    pub(super) fn with_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.file = Some(file.into());
        self
    }

    pub(super) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(super) fn with_flag(mut self, flag: Flag) -> Self {
        self.flags.push(flag);
        self
    }
}
