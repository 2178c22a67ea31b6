//! What must hold before the first message: everything that is wrong is found, and told at once.

use std::{collections::HashSet, sync::Arc, time::Duration};

use crate::{
    Code, Error, JobOptions, Kind, Limits, Overlap, Schedule,
    endpoint::EndpointDefinition,
    job::{self, KnownJobs},
    ports::{
        Declaration, Declared, Engine, Outbox, Replacement, StoredSchedule, StoredSubscription, Subscription,
        TimerFiring, Transactions, Turns,
    },
    routes::Routes,
};

/// The shortest period of a module's `every`.
const PERIOD_MIN: Duration = Duration::from_millis(1);
/// A subscription that nobody declared for so long is worth a warning: it goes on collecting.
const UNSEEN_MAX: Duration = Duration::from_secs(24 * 3600);

/// How long a transaction may always take before whoever waits for its connection is given up.
const TRANSACTION_MIN: Duration = Duration::from_secs(1);

/// P8: handlers that use `Tx` wait for a connection, which is fine, until they wait in vain.
///
/// No more than `concurrency` handlers of each endpoint run at once, and each opens one transaction at most; what claims,
/// settles and renews has connections of its own. So the last in line waits for `sum / open_max` transactions. It is in
/// vain when these cannot each take a second within the time that the engine lets it wait.
pub(crate) fn check_transactions(has: Option<Transactions>, endpoints: &[EndpointDefinition]) -> Option<Error> {
    let Transactions { open_max, wait_max } = has?;
    let wanting = endpoints.iter().filter(|endpoint| endpoint.consumers.iter().any(|consumer| consumer.uses_tx));
    let wanting: Vec<_> = wanting.map(|endpoint| (&*endpoint.name, endpoint.concurrency)).collect();
    let sum: usize = wanting.iter().map(|(_, concurrency)| concurrency).sum();
    let turns = usize::try_from(wait_max.as_secs() / TRANSACTION_MIN.as_secs()).unwrap_or(usize::MAX).max(1);
    let served = open_max.saturating_mul(turns);
    (sum > served).then(|| {
        let wanting: Vec<_> = wanting.iter().map(|(name, concurrency)| format!("{name} {concurrency}")).collect();
        let message = format!(
            "{sum} handlers may want a transaction at once ({}); {open_max} connections serve {served} within the {wait_max:?} \
             that one waits, if each takes {TRANSACTION_MIN:?}",
            wanting.join(", ")
        );
        Error::new(Code::POOL_TOO_SMALL, message)
    })
}

/// How many jobs run at once where nobody has said.
pub(crate) fn max_parallel_jobs(endpoints: &[EndpointDefinition]) -> usize {
    let jobs = endpoints.iter().filter(|endpoint| endpoint.job.is_some());
    jobs.map(|job| job.concurrency).fold(JobOptions::MAX_PARALLEL, usize::max)
}

pub(crate) fn check_slots(max_parallel_jobs: usize) -> Option<Error> {
    (max_parallel_jobs == 0).then(|| Error::new(Code::LIMIT_INVALID, "max_parallel_jobs: at least 1"))
}

/// The runs that some schedules enqueue are to be run one after another.
pub(crate) fn keep_in_order(schedules: &[Schedule], endpoints: &mut [EndpointDefinition]) {
    for schedule in schedules.iter().filter(|schedule| schedule.message.in_order) {
        let queue = job::queue(&schedule.message.name);
        let run = endpoints.iter_mut().filter(|endpoint| endpoint.name == queue);
        run.for_each(|endpoint| endpoint.turns = Turns::Ordered { dead_letters_hold: false });
    }
}

/// All that is wrong with a worker's own parts.
pub(crate) fn check(limits: &Limits, endpoints: &[EndpointDefinition], schedules: &[Schedule]) -> Vec<Error> {
    let mut problems: Vec<Error> = limits.check().err().into_iter().collect();
    let (mut names, mut ids) = (HashSet::new(), HashSet::new());
    for endpoint in endpoints {
        if !names.insert(&endpoint.name) {
            let message = format!("two endpoints are called `{}`", endpoint.name);
            problems.push(Error::new(Code::DUPLICATE_ENDPOINT, message));
        }
        let is_queue_of_job = endpoint.name.starts_with(job::QUEUE_PREFIX) && endpoint.job.is_none();
        let is_outbox =
            Outbox::destination(&endpoint.name).is_some() || *Outbox::endpoint(&endpoint.name) == *Outbox::LETTERS;
        if is_outbox || is_queue_of_job {
            let message = format!("endpoint `{}`: its name is that of a queue of wharf's own", endpoint.name);
            problems.push(Error::new(Code::OUTBOX_NAME_TAKEN, message));
        }
        problems.extend(endpoint.retry.check().err());
        if endpoint.concurrency == 0 || endpoint.prefetch < endpoint.concurrency {
            let message = format!("endpoint `{}`: concurrency at least 1, prefetch at least as much", endpoint.name);
            problems.push(Error::new(Code::LIMIT_INVALID, message));
        }
        let (mut subscribed, mut ids_here) = (HashSet::new(), HashSet::new());
        for consumer in &endpoint.consumers {
            if endpoint.job.is_none() && (consumer.kind == Kind::Job || consumer.uses_run) {
                let message =
                    format!("handler `{}` of `{}` at endpoint `{}`", consumer.id, consumer.name, endpoint.name);
                problems.push(Error::new(Code::JOB_MISPLACED, message));
            }
            if !subscribed.insert(consumer.name) {
                let message = format!("endpoint `{}` consumes `{}` twice", endpoint.name, consumer.name);
                problems.push(Error::new(Code::DUPLICATE_SUBSCRIPTION, message));
            }
            if ids_here.insert(&consumer.id) && !ids.insert(&consumer.id) {
                let message = format!("two handlers have the id `{}`", consumer.id);
                problems.push(Error::new(Code::DUPLICATE_ENDPOINT, message));
            }
        }
    }
    let mut names = HashSet::new();
    for Schedule { name, timetable, message, overlap, pause_after, .. } in schedules {
        let for_jobs = *overlap != Overlap::Allow || pause_after.is_some();
        if for_jobs && message.kind != Kind::Job {
            let message =
                format!("schedule `{name}` sends `{}`, which is no job: it neither overlaps nor fails", message.name);
            problems.push(Error::new(Code::JOB_MISPLACED, message));
        }
        let is_run_here = || endpoints.iter().any(|endpoint| *endpoint.name == *job::queue(&message.name));
        if *overlap == Overlap::Queue && !is_run_here() {
            let message =
                format!("schedule `{name}` queues runs of the job `{}`, which this worker does not run", message.name);
            problems.push(Error::new(Code::JOB_UNKNOWN, message));
        }
        if pause_after.is_some_and(|after| after.failures == 0 || after.within.is_zero()) {
            let message =
                format!("schedule `{name}`: it is paused after one failure at least, within more than no time");
            problems.push(Error::new(Code::LIMIT_INVALID, message));
        }
        if let Some(period) = timetable.period().filter(|period| *period < PERIOD_MIN) {
            let message = format!("`{name}` is sent every {period:?}, at least {PERIOD_MIN:?}");
            problems.push(Error::new(Code::LIMIT_INVALID, message));
        }
        if !names.insert(name) {
            problems.push(Error::new(Code::DUPLICATE_SCHEDULE, format!("two schedules are called `{name}`")));
        }
        problems.extend(message.checked_body(limits.body_size_max_bytes).err());
    }
    problems
}

/// What a transport of another kind than the store cannot keep: on the way back from a retry a message goes through the
/// outbox once more, and those of its key that are on the transport already pass it.
pub(crate) fn orders_lost(endpoints: &[EndpointDefinition]) -> impl Iterator<Item = Error> {
    let carried = endpoints.iter().filter(|endpoint| endpoint.job.is_none());
    carried.filter(|endpoint| matches!(endpoint.turns, Turns::Ordered { .. })).map(|endpoint| {
        let message =
            format!("endpoint `{}` is ordered, but the transport is of another kind than the store", endpoint.name);
        Error::new(Code::ORDER_LOST, message)
    })
}

/// What these endpoints consume, and what is sent by schedules.
pub(crate) fn declaration(endpoints: &[EndpointDefinition], schedules: &[Schedule]) -> Declaration {
    let mut declaration = Declaration { schedules: schedules.to_vec(), ..Declaration::default() };
    declaration
        .jobs
        .extend(endpoints.iter().filter_map(|endpoint| endpoint.job.as_ref()).map(|job| job.announces.clone()));
    for endpoint in endpoints {
        let consumed = || endpoint.consumers.iter().map(|consumer| Arc::from(consumer.name));
        for old in &endpoint.replaces {
            let (old, new) = (Arc::clone(old), Arc::clone(&endpoint.name));
            declaration.replacements.push(Replacement { old, new, messages: consumed().collect() });
        }
        // Timers are addressed to their own saga's endpoint; they are not routed by name.
        // Jobs are neither: the name of a job's queue is its own.
        let routed = endpoint.consumers.iter().filter(|consumer| consumer.name != TimerFiring::NAME);
        let routed = routed.filter(|consumer| consumer.kind != Kind::Job);
        declaration.subscriptions.extend(routed.map(|consumer| Subscription {
            message: Arc::from(consumer.name),
            endpoint: Arc::clone(&endpoint.name),
            kind: consumer.kind,
            takes_turns: endpoint.turns != Turns::Free,
        }));
    }
    declaration
}

/// Where there is a transport of another kind, what waits in the store for an endpoint, its timers included, waits in its
/// outbox: whoever takes the endpoint's place takes that, too.
pub(crate) fn replace_outboxes(declaration: &mut Declaration) {
    let outboxes = declaration.replacements.iter().map(|replacement| Replacement {
        old: Outbox::endpoint(&replacement.old),
        new: Outbox::endpoint(&replacement.new),
        messages: replacement.messages.clone(),
    });
    let outboxes: Vec<_> = outboxes.collect();
    declaration.replacements.extend(outboxes);
}

/// Adds what is wrong beside what others have declared; if there is nothing wrong at all, declares. Returns the routes and
/// the jobs that are known from then on.
pub(crate) async fn declare(
    engine: &dyn Engine,
    declaration: &Declaration,
    problems: &mut Vec<Error>,
) -> (Routes, KnownJobs) {
    let stored = engine.subscriptions().await.unwrap_or_else(|error| {
        problems.push(error);
        Vec::new()
    });
    problems.extend(declaration.problems(&stored));
    let others = stored.iter().map(|stored| &stored.subscription);
    let routes = Routes::of(others.filter(|one| !declaration.supersedes(one)).chain(&declaration.subscriptions));
    let announced = engine.job_types().await.unwrap_or_else(|error| {
        problems.push(error);
        Vec::new()
    });
    let jobs = KnownJobs::of(announced.into_iter().chain(declaration.jobs.iter().cloned()));
    let sent = || declaration.schedules.iter().map(|schedule| &schedule.message);
    problems.extend(sent().filter_map(|message| routes.find(&message.name, message.kind).err()));
    problems.extend(sent().filter_map(|message| jobs.admit(message).err()));
    if problems.is_empty() {
        match engine.declare(declaration).await {
            Ok(Declared::Accepted) => {
                warn_of_the_unseen(&stored, declaration);
                problems.extend(warn_of_the_changed(engine, &declaration.schedules).await.err());
            }
            Ok(Declared::Refused(refused)) => problems.extend(refused),
            Err(error) => problems.push(error),
        }
    }
    (routes, jobs)
}

fn warn_of_the_unseen(stored: &[StoredSubscription], declaration: &Declaration) {
    let unseen = stored.iter().filter(|stored| stored.unseen_for > UNSEEN_MAX);
    for StoredSubscription { subscription, unseen_for, .. } in
        unseen.filter(|one| !declaration.supersedes(&one.subscription))
    {
        tracing::warn!(
            endpoint = &*subscription.endpoint,
            message = &*subscription.message,
            unseen_h = unseen_for.as_secs() / 3600,
            "no worker has consumed this for long, and what is sent to it waits; if none ever will again, retire it \
             with `Client::retire(endpoint, message)`, which gives what waits to the dead letters"
        );
    }
}

/// What somebody changed or paused by hand is not overwritten, and not kept silently either.
async fn warn_of_the_changed(engine: &dyn Engine, declared: &[Schedule]) -> Result<(), Error> {
    if declared.is_empty() {
        return Ok(());
    }
    let is_declared = |stored: &&StoredSchedule| {
        declared.iter().any(|ours| (&ours.tenant, &ours.name) == (&stored.tenant, &stored.name))
    };
    for stored in engine.schedules().await?.iter().filter(is_declared) {
        let (schedule, changed_by) = (&*stored.name, stored.changed_by.as_deref());
        if stored.is_changed_by_hand() {
            let (declared, times) = (&*stored.declared, &*stored.times);
            tracing::warn!(
                schedule,
                declared,
                times,
                changed_by,
                "somebody has changed when this is due, and that is kept; `Client::reset_schedule` goes back to what is declared"
            );
        }
        if stored.paused_at.is_some() {
            tracing::warn!(schedule, changed_by, "paused, and never due until `Client::resume_schedule`");
        }
    }
    Ok(())
}
