//! What happened, in lines a person reads.

use std::{fmt::Write, time::Duration};

use crate::{
    Delivery, Draft, Outgoing, Verdict,
    ports::{Outcome, TimerFiring},
    runtime::Delivered,
};

#[derive(Debug, Default)]
pub(super) struct Transcript {
    lines: Vec<String>,
    /// Time that passed since the last line.
    passed: Duration,
}

impl Transcript {
    /// Everything since it was last taken.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.lines).join("\n")
    }

    /// The last few lines.
    pub(super) fn end(&self, lines: usize) -> String {
        self.lines[self.lines.len().saturating_sub(lines)..].join("\n")
    }

    pub(super) fn passed(&mut self, time: Duration) {
        self.passed += time;
    }

    pub(super) fn sent(&mut self, draft: &Draft) {
        self.line(format!("→ {} {}", draft.name, draft.key));
    }

    pub(super) fn ticked(&mut self, name: &str) {
        self.line(format!("↻ {name}"));
    }

    pub(super) fn delivered(&mut self, endpoint: &str, delivery: &Delivery, delivered: &Delivered, ours: bool) {
        let envelope = &delivery.envelope;
        let mut line = format!("{endpoint} ← {} {}", subject(delivery), envelope.key);
        let counts =
            [("attempt", envelope.attempt, 1), ("crash", envelope.crashes, 0), ("redrive", envelope.redrives, 0)];
        for (what, count, more) in counts.into_iter().filter(|(_, count, _)| *count > 0) {
            let _ = write!(line, " ({what} {})", count + more);
        }
        match delivered {
            _ if !ours => line.push_str(" ⊘ lease lost"),
            Delivered::Stale => {}
            Delivered::Repeated(_) => line.push_str(" ⊘ handled before"),
            Delivered::Committed(outgoing) | Delivered::Noted(_, outgoing) => push_sent(&mut line, outgoing),
            Delivered::Unsettled(settlement) => push_outcome(&mut line, &settlement.outcome, &settlement.outgoing),
            Delivered::Failed(settlement, failure) => {
                if !matches!(failure.verdict(), Verdict::Snooze(_)) {
                    let _ = write!(line, " ✗ {}", unprefixed(&failure.chain(), &failure.code().to_string()));
                }
                push_outcome(&mut line, &settlement.outcome, &[]);
            }
        }
        self.line(line);
    }

    fn line(&mut self, line: String) {
        let passed = std::mem::take(&mut self.passed);
        if !passed.is_zero() {
            self.lines.push(format!("-- {} later", span(passed)));
        }
        self.lines.push(line);
    }
}

/// A failure with its code in front, once.
fn unprefixed(chain: &str, code: &str) -> String {
    let words = chain.strip_prefix(code).map_or(chain, |rest| rest.trim_start_matches(": "));
    format!("{code} {words}")
}

/// The message's name, or the timer's.
fn subject(delivery: &Delivery) -> String {
    let firing = (*delivery.envelope.name == *TimerFiring::NAME)
        .then(|| serde_json::from_str::<TimerFiring>(&delivery.body).ok())
        .flatten();
    firing.map_or_else(|| delivery.envelope.name.to_string(), |firing| format!("⏰ {}", firing.timer))
}

/// What a delivery sent: each message once, however many endpoints get it.
fn push_sent(line: &mut String, outgoing: &[Outgoing]) {
    let mut last = None;
    for one in outgoing {
        if last != Some(one.envelope.id) {
            let arrow = if last.is_none() { " ⇒" } else { "," };
            let _ = write!(line, "{arrow} {}", one.envelope.name);
            if !one.delay.is_zero() {
                let _ = write!(line, " in {}", span(one.delay));
            }
        }
        last = Some(one.envelope.id);
    }
}

fn push_outcome(line: &mut String, outcome: &Outcome, outgoing: &[Outgoing]) {
    let _ = match outcome {
        Outcome::Done => return push_sent(line, outgoing),
        Outcome::Retry { delay, .. } => write!(line, ", again in {}", span(*delay)),
        Outcome::Return { delay } | Outcome::Unknown { delay } if line.contains('✗') => {
            write!(line, ", again in {}", span(*delay))
        }
        Outcome::Return { delay } | Outcome::Unknown { delay } => write!(line, " … again in {}", span(*delay)),
        Outcome::DeadLetter { code, reason, .. } if !line.contains('✗') => {
            write!(line, " ✗ {}, ✝ dead letter", unprefixed(reason, &code.to_string()))
        }
        Outcome::DeadLetter { .. } => write!(line, ", ✝ dead letter"),
    };
}

/// `1h30m`, `1.5s`, `250ms`.
fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 || duration.subsec_nanos() > 0 {
        return format!("{duration:?}");
    }
    let parts = [("d", seconds / 86_400), ("h", seconds / 3_600 % 24), ("m", seconds / 60 % 60), ("s", seconds % 60)];
    parts.into_iter().filter(|(_, n)| *n > 0).map(|(unit, n)| format!("{n}{unit}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_say_them() {
        let spans =
            [250, 1_500, 59_000, 90_000, 600_000, 5_400_000, 2_592_000_000].map(Duration::from_millis).map(span);
        assert_eq!(spans, ["250ms", "1.5s", "59s", "1m30s", "10m", "1h30m", "30d"]);
    }
}
