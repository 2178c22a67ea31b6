//! Subscriptions in memory.

use std::sync::Arc;

use super::{Memory, state::State};
use crate::{
    Code, Timestamp,
    ports::{Declaration, Declared, JobType, Replacement, StoredSubscription, Subscription, TimerFiring, Wakeups},
};

/// A subscription as the memory engine holds it, under its message and endpoint.
#[derive(Debug, Clone)]
pub(super) struct Row {
    subscription: Subscription,
    declared_at: Timestamp,
    seen_at: Timestamp,
}

impl Memory {
    pub(super) async fn declare(&self, declaration: &Declaration) -> Declared {
        let mut state = self.lock().await;
        let now = self.shared.clock.now();
        let problems = declaration.problems(&state.subscriptions(now));
        if !problems.is_empty() {
            return Declared::Refused(problems);
        }
        declaration.replacements.iter().for_each(|replacement| state.replace(replacement, now));
        declaration.schedules.iter().for_each(|schedule| state.declare_schedule(schedule, now));
        declaration.jobs.iter().for_each(|job| state.announce(job));
        for subscription in &declaration.subscriptions {
            let id = (Arc::clone(&subscription.message), Arc::clone(&subscription.endpoint));
            let declared_at = state.subscriptions.get(&id).map_or(now, |row| row.declared_at);
            state.subscriptions.insert(id, Row { subscription: subscription.clone(), declared_at, seen_at: now });
        }
        let replaced = declaration.replacements.iter().map(|replacement| &*replacement.new);
        self.shared.wakeups.wake(replaced.chain([Wakeups::ROUTES, Wakeups::TIMERS]));
        Declared::Accepted
    }

    pub(super) async fn stored_subscriptions(&self) -> Vec<StoredSubscription> {
        self.lock().await.subscriptions(self.shared.clock.now())
    }

    pub(super) async fn confirm(&self, subscriptions: &[Subscription]) {
        let mut state = self.lock().await;
        for subscription in subscriptions {
            let id = (Arc::clone(&subscription.message), Arc::clone(&subscription.endpoint));
            if let Some(row) = state.subscriptions.get_mut(&id) {
                row.seen_at = self.shared.clock.now();
            }
        }
    }

    pub(super) async fn retire(&self, endpoint: &str, message: &str, max: usize) -> u64 {
        let mut state = self.lock().await;
        let now = self.shared.clock.now();
        state.subscriptions.remove(&(Arc::from(message), Arc::from(endpoint)));
        let given_up = state.give_up(Code::SUBSCRIPTION_RETIRED, max, now, |row| {
            *row.endpoint == *endpoint && *row.envelope.name == *message
        });
        self.shared.wakeups.wake([Wakeups::ROUTES]);
        given_up
    }
}

impl State {
    fn announce(&mut self, job: &JobType) {
        if self.job_types.get(&job.name).is_none_or(|before| before.version <= job.version) {
            self.job_types.insert(Arc::clone(&job.name), job.clone());
        }
    }

    fn subscriptions(&self, now: Timestamp) -> Vec<StoredSubscription> {
        let stored = |row: &Row| StoredSubscription {
            subscription: row.subscription.clone(),
            declared_at: row.declared_at,
            unseen_for: now.since(row.seen_at),
        };
        self.subscriptions.values().map(stored).collect()
    }

    fn replace(&mut self, replacement: &Replacement, now: Timestamp) {
        let Replacement { old, new, messages } = replacement;
        let taken_over = |name: &str| messages.iter().any(|message| &**message == name);
        self.subscriptions.retain(|(message, endpoint), _| endpoint != old || !taken_over(message));
        for row in self.deliveries.values_mut() {
            if row.endpoint == *old && row.waits(now) && taken_over(&row.envelope.name) {
                row.endpoint = Arc::clone(new);
            }
        }
        if taken_over(TimerFiring::NAME) {
            let timers = self.timers.values_mut().filter(|timer| timer.arm.endpoint == *old);
            timers.for_each(|timer| timer.arm.endpoint = Arc::clone(new));
        }
    }
}
