//! Retry policies: named, bounded, with jitter that never exceeds the maximum.

use std::{borrow::Cow, time::Duration};

use uuid::Uuid;

use crate::{Code, Error};

/// More retries than this are a mistake.
const RETRIES_MAX: u32 = 100;

/// How often and when a failed delivery is tried again, before it becomes a dead letter.
///
/// Immediate retries run in place. Delayed ones hold no slot: the delivery goes back to its queue with a time before
/// which nobody takes it, which survives a crash.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    name: Cow<'static, str>,
    immediate: u32,
    backoff: Backoff,
    /// Up to this share of a delay is added to it.
    jitter: f64,
}

#[derive(Debug, Clone, PartialEq)]
enum Backoff {
    Fixed(Vec<Duration>),
    Exponential { first: Duration, max: Duration, retries: u32 },
}

/// What a policy says after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Now,
    After(Duration),
    GiveUp,
}

impl Retry {
    /// Try again at once, in place, `retries` times.
    pub fn immediate(name: impl Into<Cow<'static, str>>, retries: u32) -> Self {
        Self { name: name.into(), immediate: retries, backoff: Backoff::Fixed(Vec::new()), jitter: 0.0 }
    }

    /// Try again after each of these delays in turn.
    pub fn fixed(name: impl Into<Cow<'static, str>>, delays: impl IntoIterator<Item = Duration>) -> Self {
        Self { name: name.into(), immediate: 0, backoff: Backoff::Fixed(delays.into_iter().collect()), jitter: 0.0 }
    }

    /// Try again after `first`, then twice that, and so on up to `max`, `retries` times.
    pub fn exponential(name: impl Into<Cow<'static, str>>, first: Duration, max: Duration, retries: u32) -> Self {
        Self { name: name.into(), immediate: 0, backoff: Backoff::Exponential { first, max, retries }, jitter: 0.0 }
    }

    /// Before the first delay, try this many times at once and in place.
    #[must_use]
    pub fn at_once(mut self, retries: u32) -> Self {
        self.immediate = retries;
        self
    }

    /// Adds up to `share` of each delay to it, so that what failed together does not return together. An exponential
    /// policy's maximum still holds: its longest delays begin that much below it.
    #[must_use]
    pub fn with_jitter(mut self, share: f64) -> Self {
        self.jitter = share.clamp(0.0, 1.0);
        self
    }

    /// The policy's name, as logs and metrics show it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How often it has a failed delivery tried again.
    pub(crate) fn retries(&self) -> u32 {
        let delayed = match &self.backoff {
            Backoff::Fixed(delays) => u32::try_from(delays.len()).unwrap_or(u32::MAX),
            Backoff::Exponential { retries, .. } => *retries,
        };
        self.immediate.saturating_add(delayed)
    }

    /// What follows once `attempts` have failed. The jitter is drawn from the message's id and the attempt, so a replay
    /// waits exactly as long.
    pub(crate) fn after(&self, attempts: u32, message: Uuid) -> Next {
        if attempts <= self.immediate {
            return Next::Now;
        }
        let delayed = attempts - self.immediate;
        let (delay, max) = match &self.backoff {
            Backoff::Fixed(delays) => match delays.get(delayed as usize - 1) {
                Some(delay) => (*delay, Duration::MAX),
                None => return Next::GiveUp,
            },
            Backoff::Exponential { retries, .. } if delayed > *retries => return Next::GiveUp,
            Backoff::Exponential { first, max, .. } => {
                (first.saturating_mul(2_u32.saturating_pow(delayed - 1)).min(*max), *max)
            }
        };
        // At the maximum too they are to be spread, and so begin below it.
        let least = delay.min(times(max, 1.0 / (1.0 + self.jitter)));
        let drawn = times(least, self.jitter * fraction(message, attempts));
        Next::After(least.saturating_add(drawn).min(max))
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let ordered = match &self.backoff {
            Backoff::Fixed(_) => true,
            Backoff::Exponential { first, max, .. } => first <= max && !first.is_zero(),
        };
        let retries = self.retries();
        if retries > RETRIES_MAX || !ordered {
            return Err(Error::new(
                Code::RETRY_UNBOUNDED,
                format!(
                    "retry policy `{}`: {retries} retries, at most {RETRIES_MAX}; first delay above zero and not above the maximum",
                    self.name
                ),
            ));
        }
        Ok(())
    }
}

impl Default for Retry {
    /// `consumer`: after 1, 3 and 7 seconds.
    fn default() -> Self {
        Self::fixed("consumer", [1, 3, 7].map(Duration::from_secs))
    }
}

fn times(delay: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(delay.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

/// A number in 0..1 from a message and an attempt (splitmix64's finaliser).
fn fraction(message: Uuid, attempt: u32) -> f64 {
    let (high, low) = message.as_u64_pair();
    let mut z = (high ^ low.rotate_left(32)).wrapping_add(u64::from(attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    #[expect(clippy::cast_precision_loss, reason = "53 bits are kept, which is what an f64 holds")]
    let fraction = (z >> 11) as f64 / (1_u64 << 53) as f64;
    fraction
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_consumer_policy_waits_one_three_and_seven_seconds() {
        let waits: Vec<_> = (1..=4).map(|attempts| Retry::default().after(attempts, Uuid::nil())).collect();
        assert_eq!(waits, [Next::After(secs(1)), Next::After(secs(3)), Next::After(secs(7)), Next::GiveUp]);
    }

    #[test]
    fn immediate_retries_come_before_delayed_ones() {
        let policy = Retry::fixed("mixed", [secs(5)]).at_once(2);
        let steps: Vec<_> = (1..=4).map(|attempts| policy.after(attempts, Uuid::nil())).collect();
        assert_eq!(steps, [Next::Now, Next::Now, Next::After(secs(5)), Next::GiveUp]);
    }

    #[test]
    fn a_policy_without_bounds_is_refused() {
        assert!(Retry::exponential("endless", secs(1), secs(60), 10_000).check().is_err());
        assert!(Retry::exponential("backwards", secs(60), secs(1), 3).check().is_err());
        assert!(Retry::default().check().is_ok());
    }

    #[test]
    fn with_jitter_those_that_failed_together_come_again_apart_even_at_the_maximum() {
        let policy = Retry::exponential("external", secs(1), secs(60), 10).with_jitter(0.25);
        for (attempts, least) in [(1, secs(1)), (4, secs(8)), (10, secs(48))] {
            let waits: Vec<_> = (0..1_000).map(|id| policy.after(attempts, Uuid::from_u128(id << 64))).collect();
            for nth in 0..10 {
                let from = least.mul_f64(1.0 + 0.025 * f64::from(nth));
                let tenth = from..from + least.mul_f64(0.025);
                let is_within = |wait: &&Next| matches!(wait, Next::After(delay) if tenth.contains(delay));
                let within = waits.iter().filter(is_within).count();
                assert!((50..=200).contains(&within), "{within} of a thousand in one tenth, after {attempts} attempts");
            }
        }
    }

    proptest! {
        #[test]
        fn jitter_never_exceeds_the_maximum(attempt in 1_u32..50, id: u128, jitter in 0.0..1.0) {
            let policy = Retry::exponential("p", secs(1), secs(60), 50).with_jitter(jitter);
            match policy.after(attempt, Uuid::from_u128(id)) {
                Next::After(delay) => prop_assert!(delay >= secs(1) && delay <= secs(60)),
                Next::Now | Next::GiveUp => prop_assert!(false, "the policy has 50 delayed retries"),
            }
        }
    }
}
