//! One setting: its key, what it may be, what it means, and how its text is read.

/// A setting whose value is a `T`.
pub(super) struct Setting<T> {
    pub(super) about: About,
    /// `None` when the text is not one of the allowed values.
    pub(super) parse: fn(&str) -> Option<T>,
}

/// What can be told of a setting without its value.
#[derive(Debug, Clone)]
pub(super) struct About {
    /// Such as `payments.delay`.
    pub(super) key: &'static str,
    pub(super) allowed: &'static str,
    pub(super) meaning: &'static str,
    pub(super) default: Option<&'static str>,
    is_secret: bool,
}

impl<T> Setting<T> {
    pub(super) fn new(key: &'static str, allowed: &'static str, parse: fn(&str) -> Option<T>) -> Self {
        Self { about: About { key, allowed, meaning: "", default: None, is_secret: false }, parse }
    }

    pub(super) fn meaning(mut self, meaning: &'static str) -> Self {
        self.about.meaning = meaning;
        self
    }

    /// No problem repeats its value.
    pub(super) fn secret(mut self) -> Self {
        self.about.is_secret = true;
        self
    }
}

impl About {
    /// What to say of a value that is not allowed.
    pub(super) fn refuses(&self, text: &str) -> String {
        let value = if self.is_secret { "this value".to_owned() } else { format!("`{text}`") };
        format!("{value} is not allowed; allowed: {}", self.allowed)
    }
}
