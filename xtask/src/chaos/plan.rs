//! What is done to the shop, and when: all of it drawn from the seed.

use std::{fmt, time::Duration};

/// Two of each.
pub(super) const PROCESSES: usize = 2;

/// Between one blow and the next.
const PAUSE_MS: (u64, u64) = (500, 5_000);
/// Before the first blow orders flow, and after the last there is peace.
const CALM: Duration = Duration::from_secs(5);

/// A way to a server that can be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    ToDatabase,
    ToBroker,
}

/// What happens to the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    /// kill -9.
    KillWorker(usize),
    /// SIGTERM.
    StopWorker(usize),
    KillApi(usize),
    KillBroker,
    KillDatabase,
    /// Every connection ends at once; new ones are let through.
    Cut(Way),
    /// Every connection stays, and nothing passes.
    Stall(Way),
    /// Whatever passes takes its time.
    Slow(Way),
}

/// A blow, when it falls, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) at: Duration,
    pub(super) blow: Blow,
    pub(super) lasts: Duration,
}

/// All blows of a run, in their order. None falls on what has not recovered from the last one.
pub(super) fn draw(seed: u64, lasting: Duration) -> Vec<Step> {
    let mut random = SplitMix(seed);
    let mut steps: Vec<Step> = Vec::new();
    let mut at = CALM;
    loop {
        at += Duration::from_millis(random.between(PAUSE_MS));
        if at + CALM >= lasting {
            return steps;
        }
        let blow = Blow::draw(&mut random);
        let lasts = Duration::from_millis(random.between(blow.lasts_ms()));
        let is_down = |step: &Step| step.blow.target() == blow.target() && step.at + step.lasts >= at;
        if !steps.iter().any(is_down) && at + lasts + CALM < lasting {
            steps.push(Step { at, blow, lasts });
        }
    }
}

impl Blow {
    /// The kinds, by how often they fall.
    fn draw(random: &mut SplitMix) -> Self {
        let nth = usize::try_from(random.below(PROCESSES as u64)).unwrap_or_default();
        match random.below(20) {
            0..5 => Self::KillWorker(nth),
            5..7 => Self::StopWorker(nth),
            7..10 => Self::KillApi(nth),
            10 => Self::KillBroker,
            11..13 => Self::KillDatabase,
            13 => Self::Cut(Way::ToDatabase),
            14..16 => Self::Cut(Way::ToBroker),
            16 => Self::Stall(Way::ToDatabase),
            17 => Self::Stall(Way::ToBroker),
            18 => Self::Slow(Way::ToDatabase),
            _ => Self::Slow(Way::ToBroker),
        }
    }

    fn lasts_ms(self) -> (u64, u64) {
        match self {
            Self::KillWorker(_) | Self::StopWorker(_) | Self::KillApi(_) => (0, 4_000),
            Self::KillBroker | Self::KillDatabase => (0, 6_000),
            Self::Cut(_) => (0, 1),
            Self::Stall(_) | Self::Slow(_) => (1_000, 10_000),
        }
    }

    /// Whom it falls on.
    pub(super) fn target(self) -> (&'static str, usize) {
        match self {
            Self::KillWorker(nth) | Self::StopWorker(nth) => ("worker", nth),
            Self::KillApi(nth) => ("api", nth),
            Self::KillBroker | Self::Cut(Way::ToBroker) | Self::Stall(Way::ToBroker) | Self::Slow(Way::ToBroker) => {
                ("broker", 0)
            }
            Self::KillDatabase
            | Self::Cut(Way::ToDatabase)
            | Self::Stall(Way::ToDatabase)
            | Self::Slow(Way::ToDatabase) => ("database", 0),
        }
    }

    /// What it is called in the report.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::KillWorker(_) => "worker killed",
            Self::StopWorker(_) => "worker stopped",
            Self::KillApi(_) => "API killed",
            Self::KillBroker => "RabbitMQ killed",
            Self::KillDatabase => "PostgreSQL killed",
            Self::Cut(Way::ToDatabase) => "database connections cut",
            Self::Cut(Way::ToBroker) => "broker connections cut",
            Self::Stall(Way::ToDatabase) => "database connections stalled",
            Self::Stall(Way::ToBroker) => "broker connections stalled",
            Self::Slow(Way::ToDatabase) => "database connections slowed",
            Self::Slow(Way::ToBroker) => "broker connections slowed",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nth = match self.blow {
            Blow::KillWorker(nth) | Blow::StopWorker(nth) | Blow::KillApi(nth) => format!(" {}", nth + 1),
            Blow::KillBroker | Blow::KillDatabase | Blow::Cut(_) | Blow::Stall(_) | Blow::Slow(_) => String::new(),
        };
        write!(f, "{:6.1} s  {}{nth}", self.at.as_secs_f64(), self.blow.kind())?;
        if self.lasts > Duration::from_millis(1) {
            write!(f, ", for {:.1} s", self.lasts.as_secs_f64())
        } else {
            Ok(())
        }
    }
}

/// Steele, Lea and Flood's generator: small, and the same everywhere.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn between(&mut self, (first, last): (u64, u64)) -> u64 {
        first + self.below(last - first)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const TEN_MINUTES: Duration = Duration::from_secs(600);

    #[test]
    fn a_seed_repeats_its_plan_and_another_makes_another() {
        assert_eq!(draw(1, TEN_MINUTES), draw(1, TEN_MINUTES));
        assert_ne!(draw(1, TEN_MINUTES), draw(2, TEN_MINUTES));
    }

    #[test]
    fn in_ten_minutes_everything_happens_and_everything_recovers() {
        for seed in 0..50 {
            let steps = draw(seed, TEN_MINUTES);
            let kinds: BTreeSet<_> = steps.iter().map(|step| step.blow.kind()).collect();
            assert_eq!(kinds.len(), 11, "seed {seed}: {kinds:?}");
            assert!(steps.iter().all(|step| step.at + step.lasts + CALM < TEN_MINUTES), "seed {seed}");
            for (nth, step) in steps.iter().enumerate() {
                let later = steps[nth + 1..].iter().find(|later| later.blow.target() == step.blow.target());
                assert!(later.is_none_or(|later| later.at > step.at + step.lasts), "seed {seed}: {step}, {later:?}");
            }
        }
    }
}
