//! How the text of a setting becomes its value. `None` means that it is not one of the allowed values.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use orderly_contracts::Currency;
use orderly_security::SigningSecret;

use super::Secret;

const SECONDS_MAX: u64 = 86_400;
const START_DELAY_SECONDS_MAX: u64 = 60;
const LINES_MAX: usize = 10_000;
const PREFIX_MAX_BYTES: usize = 64;
const RETRIES_MAX: u8 = 10;
/// A year; beyond it a wait is a mistake.
const DURATION_MAX: Duration = Duration::from_secs(8_760 * 3_600);

/// How careful to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Everything has a default that works on one machine.
    Development,
    Staging,
    Production,
}

impl Profile {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "development" => Some(Self::Development),
            "staging" => Some(Self::Staging),
            "production" => Some(Self::Production),
            _ => None,
        }
    }
}

/// What carries messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// In the commits that they belong to.
    Database,
    RabbitMq,
}

impl Transport {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "database" => Some(Self::Database),
            "rabbitmq" => Some(Self::RabbitMq),
            _ => None,
        }
    }
}

pub(super) fn directory(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}

pub(super) fn name(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}

pub(super) fn filter(text: &str) -> Option<String> {
    tracing_subscriber::EnvFilter::try_new(text).is_ok().then(|| text.to_owned())
}

pub(super) fn postgres_url(text: &str) -> Option<Secret> {
    let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"))?;
    (!rest.is_empty()).then(|| Secret::new(text))
}

pub(super) fn amqp_url(text: &str) -> Option<Secret> {
    let rest = text.strip_prefix("amqp://").or_else(|| text.strip_prefix("amqps://"))?;
    (!rest.is_empty()).then(|| Secret::new(text))
}

pub(super) fn password(text: &str) -> Option<Secret> {
    (!text.is_empty()).then(|| Secret::new(text))
}

pub(super) fn redis_url(text: &str) -> Option<Secret> {
    let rest = text.strip_prefix("redis://")?;
    (!rest.is_empty()).then(|| Secret::new(text))
}

/// What the names of queues may begin with; none is fine.
pub(super) fn prefix(text: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (text.len() <= PREFIX_MAX_BYTES && text.chars().all(fits)).then(|| text.to_owned())
}

/// The same where names cannot do without.
pub(super) fn named_prefix(text: &str) -> Option<String> {
    prefix(text).filter(|prefix| !prefix.is_empty())
}

pub(super) fn signing_secret(text: &str) -> Option<SigningSecret> {
    SigningSecret::new(text).ok()
}

pub(super) fn address(text: &str) -> Option<SocketAddr> {
    text.parse().ok()
}

pub(super) fn yes_or_no(text: &str) -> Option<bool> {
    text.parse().ok()
}

pub(super) fn count(text: &str) -> Option<usize> {
    text.parse().ok().filter(|lines| (1..=LINES_MAX).contains(lines))
}

pub(super) fn batch(text: &str) -> Option<u32> {
    text.parse().ok().filter(|orders| (1..=10_000).contains(orders))
}

pub(super) fn quantity(text: &str) -> Option<i64> {
    text.parse().ok().filter(|units| (1..=i64::from(u32::MAX)).contains(units))
}

pub(super) fn currency(text: &str) -> Option<Currency> {
    text.parse().ok()
}

pub(super) fn seconds(text: &str) -> Option<Duration> {
    text.parse().ok().filter(|seconds| (1..=SECONDS_MAX).contains(seconds)).map(Duration::from_secs)
}

/// Of 0 too.
pub(super) fn some_seconds(text: &str) -> Option<Duration> {
    text.parse().ok().filter(|seconds| *seconds <= START_DELAY_SECONDS_MAX).map(Duration::from_secs)
}

pub(super) fn retries(text: &str) -> Option<u8> {
    text.parse().ok().filter(|retries| *retries <= RETRIES_MAX)
}

/// With a unit: `300ms`, `5s`, `1m 30s`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let duration: jiff::SignedDuration = text.parse().ok()?;
    duration.try_into().ok()
}

/// As [`duration`], neither zero nor without end.
pub(super) fn positive(text: &str) -> Option<Duration> {
    duration(text).filter(|duration| (Duration::from_millis(1)..=DURATION_MAX).contains(duration))
}

pub(super) fn three(text: &str) -> Option<[Duration; 3]> {
    let durations: Option<Vec<_>> = text.split(',').map(|part| positive(part.trim())).collect();
    durations?.try_into().ok()
}

pub(super) fn lease(text: &str) -> Option<Duration> {
    duration(text).filter(|lease| *lease >= Duration::from_millis(100))
}

pub(super) fn rate(text: &str) -> Option<f64> {
    text.parse().ok().filter(|rate| (0.0..=1.0).contains(rate))
}

pub(super) fn seed(text: &str) -> Option<u64> {
    text.parse().ok()
}
