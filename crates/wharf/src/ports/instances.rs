//! Saga instances, as a person looks for them: which there are, since when they stand where they stand, and what they wait
//! for.

use super::{SagaId, SagaRow};
use crate::{Key, Tenant, Timestamp};

/// A saga instance with what it takes to see why it stands where it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SagaRecord {
    /// The instance, as stored.
    pub row: SagaRow,
    /// When its first step was taken.
    pub began_at: Timestamp,
    /// When its last step was taken.
    pub updated_at: Timestamp,
    /// When it came to its end, if it has.
    pub finished_at: Option<Timestamp>,
    /// Its timers, the next one first.
    pub timers: Vec<SagaTimer>,
}

/// A timer of a saga instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SagaTimer {
    /// Unique within the instance.
    pub name: String,
    /// The saga's revision when it was armed.
    pub generation: i64,
    /// When it fires, or was to fire.
    pub due_at: Timestamp,
    /// Whether it has fired, and the saga has not handled that yet.
    pub fired: bool,
}

/// Which saga instances. An empty filter matches all, up to its limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SagaFilter {
    /// Only of this tenant.
    pub tenant: Option<Tenant>,
    /// Only of this saga.
    pub saga: Option<String>,
    /// Only with this key.
    pub key: Option<Key>,
    /// Only in the state of this name.
    pub state: Option<String>,
    /// Only those that have come to their end, or only those that have not.
    pub finished: Option<bool>,
    /// At most so many; `None` is [`SagaFilter::LIMIT_MAX_ROWS`].
    pub limit: Option<u32>,
}

impl SagaFilter {
    /// What one call returns at most.
    pub const LIMIT_MAX_ROWS: u32 = 1_000;

    /// One instance.
    pub fn one(id: &SagaId) -> Self {
        let (tenant, saga, key) = (Some(id.tenant.clone()), Some(id.saga.to_string()), Some(id.key.clone()));
        Self { tenant, saga, key, ..Self::default() }
    }

    /// Only of this tenant.
    #[must_use]
    pub fn tenant(mut self, tenant: &Tenant) -> Self {
        self.tenant = Some(tenant.clone());
        self
    }

    /// Only of this saga.
    #[must_use]
    pub fn saga(mut self, name: &str) -> Self {
        self.saga = Some(name.to_owned());
        self
    }

    /// Only in the state of this name.
    #[must_use]
    pub fn state(mut self, name: &str) -> Self {
        self.state = Some(name.to_owned());
        self
    }

    /// Only those that have come to their end, or only those that have not.
    #[must_use]
    pub fn finished(mut self, finished: bool) -> Self {
        self.finished = Some(finished);
        self
    }

    /// At most so many.
    #[must_use]
    pub fn limit(mut self, instances: u32) -> Self {
        self.limit = Some(instances);
        self
    }

    /// Whether it says which instance.
    pub fn is_of_one(&self) -> bool {
        self.tenant.is_some() && self.saga.is_some() && self.key.is_some()
    }

    /// How many rows this filter allows.
    pub fn limit_rows(&self) -> u32 {
        self.limit.unwrap_or(Self::LIMIT_MAX_ROWS).min(Self::LIMIT_MAX_ROWS)
    }
}
