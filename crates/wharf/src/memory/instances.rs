//! Saga instances, as a person looks for them.

use std::cmp::Reverse;

use super::state::{Instance, State};
use crate::ports::{SagaFilter, SagaId, SagaRecord, SagaTimer};

impl State {
    /// See [`Store::sagas`](crate::ports::Store::sagas).
    pub(super) fn sagas(&self, filter: &SagaFilter) -> Vec<SagaRecord> {
        let found = self.sagas.values().filter(|instance| matches(filter, instance));
        let mut records: Vec<_> = found.map(|instance| self.record(instance)).collect();
        records.sort_by(|one, other| order(one).cmp(&order(other)));
        records.truncate(filter.limit_rows() as usize);
        records
    }

    fn record(&self, instance: &Instance) -> SagaRecord {
        let id = &instance.row.id;
        let of_it = self.timers.iter().filter(|((whose, _), _)| whose == id);
        let mut timers: Vec<_> = of_it
            .map(|((_, name), timer)| SagaTimer {
                name: name.clone(),
                generation: timer.arm.generation,
                due_at: timer.due,
                fired: timer.fired,
            })
            .collect();
        timers.sort_by_key(|timer| timer.due_at);
        let finished_at = self.finished.get(id).copied();
        let Instance { row, began_at, updated_at } = instance.clone();
        SagaRecord { row, began_at, updated_at, finished_at, timers }
    }
}

fn matches(filter: &SagaFilter, instance: &Instance) -> bool {
    let SagaId { tenant, saga, key } = &instance.row.id;
    filter.tenant.as_ref().is_none_or(|wanted| wanted == tenant)
        && filter.saga.as_ref().is_none_or(|wanted| **wanted == **saga)
        && filter.key.as_ref().is_none_or(|wanted| wanted == key)
        && filter.state.as_ref().is_none_or(|wanted| *wanted == instance.row.state_name)
        && filter.finished.is_none_or(|wanted| wanted == instance.row.finished)
}

fn order(record: &SagaRecord) -> impl Ord {
    (record.finished_at.is_some(), Reverse(record.finished_at), record.updated_at, record.row.id.clone())
}
