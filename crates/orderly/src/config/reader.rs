//! Reads one setting after another out of its sources, and remembers all that is wrong.

use figment::{
    Figment, Profile, Provider,
    value::{Dict, Value},
};

use super::{
    Config, Problems, Sources,
    problem::Problem,
    setting::{About, Setting},
    sources::variable,
};

/// How alike two keys must be, from 0 to 1, for one to be proposed in place of the other.
const LIKENESS_MIN: f64 = 0.8;

/// The place of a value that nobody gave.
const BY_DEFAULT: &str = "no place: this is the default";

/// The sources, and what was found in them so far.
pub(super) struct Reader {
    values: Figment,
    /// Every setting that was asked for, in that order.
    pub(super) known: Vec<About>,
    problems: Vec<Problem>,
}

impl Reader {
    pub(super) fn new(sources: &Sources) -> Self {
        let mut problems = Vec::new();
        let values = sources.layers(&mut problems);
        Self { values, known: Vec::new(), problems }
    }

    /// A setting that has a default, which must be one of its allowed values.
    pub(super) fn or<T>(&mut self, setting: Setting<T>, default: &'static str) -> T {
        self.or_if(true, setting, default)
    }

    /// A setting that has a default only if `has_default`, and must be given otherwise.
    #[expect(clippy::expect_used, reason = "every start reads every default, so a wrong one meets the first test")]
    pub(super) fn or_if<T>(&mut self, has_default: bool, mut setting: Setting<T>, default: &'static str) -> T {
        setting.about.default = Some(default);
        let given = self.needed_if(!has_default, &setting);
        // After a problem too, so that reading goes on and finds the others.
        given.unwrap_or_else(|| (setting.parse)(default).expect("a default is one of the allowed values"))
    }

    /// A setting without a default, which must be given if `is_needed`.
    pub(super) fn needed_if<T>(&mut self, is_needed: bool, setting: &Setting<T>) -> Option<T> {
        self.needed_by(is_needed.then_some("outside development"), setting)
    }

    /// A setting without a default, which must be given if there is a reason: where, or beside what, it must.
    pub(super) fn needed_by<T>(&mut self, reason: Option<&str>, setting: &Setting<T>) -> Option<T> {
        let about = &setting.about;
        self.known.push(about.clone());
        match self.values.find_value(about.key) {
            Ok(value) => {
                let parsed = text(&value).and_then(|text| (setting.parse)(&text).ok_or(about.refuses(&text)));
                parsed.map_err(|message| self.problem(about.key, self.place(&value), message)).ok()
            }
            Err(_) => {
                let reason = reason?;
                let place = format!("no place: set {} or write it into orderly.toml", variable(about.key));
                self.problem(about.key, place, format!("{reason} it must be set; allowed: {}", about.allowed));
                None
            }
        }
    }

    /// Refuses a value that is right by itself, but not beside the others.
    pub(super) fn refuse(&mut self, key: &str, message: String) {
        let place = self.values.find_value(key).map_or_else(|_| BY_DEFAULT.to_owned(), |value| self.place(&value));
        self.problem(key, place, message);
    }

    /// The configuration, if nothing was wrong with it and everything in the sources was asked for.
    pub(super) fn finish(mut self, config: Config) -> Result<Config, Problems> {
        let given = self.values.data().unwrap_or_default().remove(&Profile::Default).unwrap_or_default();
        self.refuse_unknown("", &given);
        if self.problems.is_empty() { Ok(config) } else { Err(Problems(self.problems)) }
    }

    fn refuse_unknown(&mut self, path: &str, settings: &Dict) {
        for (name, value) in settings {
            let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            if self.known.iter().any(|about| about.key == key) {
                continue;
            }
            if let Some(inner) = value.as_dict() {
                self.refuse_unknown(&key, inner);
                continue;
            }
            let message = match self.nearest(&key) {
                Some(nearest) => format!("there is no such setting; `{nearest}` is one"),
                None => "there is no such setting".to_owned(),
            };
            self.problem(&key, self.place(value), message);
        }
    }

    fn nearest(&self, key: &str) -> Option<&'static str> {
        let likeness = |about: &About| strsim::jaro_winkler(about.key, key);
        let alike = self.known.iter().map(|about| (likeness(about), about.key));
        alike.filter(|(likeness, _)| *likeness >= LIKENESS_MIN).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, key)| key)
    }

    fn place(&self, value: &Value) -> String {
        // A table has no place of its own; what stands in it has.
        let mut value = value;
        while let Some(inner) = value.as_dict().and_then(|inner| inner.values().next()) {
            value = inner;
        }
        self.values.get_metadata(value.tag()).map_or_else(|| BY_DEFAULT.to_owned(), |place| place.name.to_string())
    }

    fn problem(&mut self, key: &str, place: String, message: String) {
        self.problems.push(Problem { key: key.to_owned(), place, message });
    }
}

/// A value's text, however its source wrote it.
fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(_, text) => Ok(text.clone()),
        Value::Char(_, char) => Ok(char.to_string()),
        Value::Bool(_, bool) => Ok(bool.to_string()),
        Value::Num(_, number) => number
            .to_i128()
            .map(|whole| whole.to_string())
            .or_else(|| number.to_f64().map(|number| number.to_string()))
            .ok_or_else(|| "this is no number".to_owned()),
        Value::Empty(..) | Value::Dict(..) | Value::Array(..) => Err("a single value belongs here".to_owned()),
    }
}
