//! What a check found.

use std::fmt;

use crate::Code;

/// What a [`Check`](super::Check) found. Its `Display` is for people: the shortest history that breaks a rule, or how
/// much was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a report that nobody reads proves nothing"]
pub struct Report {
    /// Distinct states of the world that were met.
    pub states: usize,
    /// Ways from one to another that were tried.
    pub transitions: u64,
    pub(super) verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Holds,
    Broken { rule: String, history: Vec<String>, there: String },
    Endless { states_max: usize },
}

impl Report {
    /// Whether every state was seen, and every rule holds in all of them.
    pub fn holds(&self) -> bool {
        match self.verdict {
            Verdict::Holds => true,
            Verdict::Broken { .. } | Verdict::Endless { .. } => false,
        }
    }

    /// The rule that does not hold.
    pub fn broken(&self) -> Option<&str> {
        match &self.verdict {
            Verdict::Broken { rule, .. } => Some(rule),
            Verdict::Holds | Verdict::Endless { .. } => None,
        }
    }

    /// What happens until a rule does not hold, one line for each thing. No other way there is shorter. Empty when
    /// every rule holds.
    pub fn history(&self) -> &[String] {
        match &self.verdict {
            Verdict::Broken { history, .. } => history,
            Verdict::Holds | Verdict::Endless { .. } => &[],
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, transitions, verdict } = self;
        match verdict {
            Verdict::Holds => write!(f, "every rule holds in {states} states, reached in {transitions} ways"),
            Verdict::Endless { states_max } => {
                let code = Code::SAGA_ENDLESS;
                write!(f, "{code}: more than {states_max} states; no broken rule was met so far. {}", code.help)
            }
            Verdict::Broken { rule, history, there } => {
                writeln!(f, "this does not hold: {rule}")?;
                for (n, line) in history.iter().enumerate() {
                    writeln!(f, "{:3}. {line}", n + 1)?;
                }
                write!(f, "where it then stands (states seen: {states}):\n{there}")
            }
        }
    }
}
