//! Runs modules on an engine.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{Semaphore, watch},
    task::{AbortHandle, JoinSet},
};

use crate::{
    Client, Error, JobFilter, JobSettings, Limits, Schedule, Timetable,
    bus::PostOffice,
    endpoint::EndpointDefinition,
    job::{self, Filters},
    module::Module,
    ports::{Engine, Signals, Subscription, Transport, Wakeups},
    routes::Current,
    runtime::{
        Firings, HEARTBEAT, Jobs, LOOK_EVERY, PROBE_EVERY, PROBES, PRUNE, PRUNE_EVERY, Phase, Probes, Relay,
        RunningJobs, Runtime, SIGNALS, Survivors, Vitals, WorkerState, beat, fire_timers, hear, introduce, keep_routes,
        keep_schedule, leave, probe, prune, prune_inbox, pump, report_runs, sign, supervise,
    },
    start,
};

/// Runs modules on an engine until it is told to stop.
///
/// ```no_run
/// # use wharf::{Memory, Module, Refused, Worker};
/// # async fn shutdown_signal() {}
/// # async fn run(orders: Module<()>, inventory: Module<()>) -> Result<(), Refused> {
/// Worker::new(Memory::new())
///     .module(orders)
///     .module(inventory)
///     .run_until(shutdown_signal())
///     .await
/// # }
/// ```
pub struct Worker {
    pub(crate) engine: Arc<dyn Engine>,
    via: Option<Arc<dyn Transport>>,
    signals: Option<Arc<dyn Signals>>,
    name: String,
    version: Option<String>,
    limits: Limits,
    max_parallel_jobs: Option<usize>,
    job_settings: BTreeMap<String, JobSettings>,
    job_filters: Filters,
    probe_files: Option<PathBuf>,
    retention: Option<Timetable>,
    endpoints: Vec<EndpointDefinition>,
    schedules: Vec<Schedule>,
    modules: Vec<&'static str>,
}

/// How long the engine and the cancelled handlers have, after the deadline, to return what was held.
const ABANDON_MAX: Duration = Duration::from_secs(5);

/// How a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// As it was asked to: all it held is settled or returned.
    Drained,
    /// At once.
    Aborted,
}

/// Everything that keeps a worker from starting.
#[derive(Debug, thiserror::Error)]
#[error("the worker cannot start:{}", list(.0))]
pub struct Refused(pub Vec<Error>);

/// A worker that passed its checks: it can be run, and gives out clients.
pub struct ReadyWorker {
    pub(crate) runtime: Runtime,
    pub(crate) endpoints: Vec<Arc<EndpointDefinition>>,
    /// The outboxes, where there is a transport of another kind than the store.
    pub(crate) outboxes: Vec<Arc<EndpointDefinition>>,
    pub(crate) schedules: Vec<Arc<Schedule>>,
    consumes: Vec<Subscription>,
    name: String,
    probes: Option<Arc<Probes>>,
    /// Whether it does so in the background, and by no job.
    prunes: bool,
    version: Option<String>,
    /// Ends what draws the routes anew.
    keeps_routes: Option<AbortHandle>,
}

impl Worker {
    const NAME: &str = "worker";

    /// A worker on this engine, which carries messages and keeps state.
    pub fn new(engine: impl Engine) -> Self {
        Self {
            engine: Arc::new(engine),
            via: None,
            signals: None,
            name: Self::NAME.to_owned(),
            version: None,
            limits: Limits::default(),
            max_parallel_jobs: None,
            job_settings: BTreeMap::new(),
            job_filters: Filters::default(),
            probe_files: None,
            retention: None,
            endpoints: Vec::new(),
            schedules: Vec::new(),
            modules: Vec::new(),
        }
    }

    /// Carries messages by a transport of another kind than the engine, which then only keeps state: an outbox of what is
    /// to be sent, and an inbox of what was handled.
    ///
    /// What is sent is committed with the handler's writes, as rows of the outbox. A relay in every worker puts them on
    /// the transport, and deletes them once it has confirmed. While the transport does not answer, the outbox grows and
    /// everything else goes on; [`Client::depth`] shows it as endpoints called `outbox:` and their destination. A process
    /// that only has a [`Client`] relays nothing: its messages wait for a worker, which may be one without modules.
    ///
    /// A delivery is acknowledged on the transport once its effects are committed. It may come again; the inbox, which
    /// knows what was handled, then drops it. Delays, retries that wait and dead letters live in the store, so the
    /// transport need not know of them. A handler that neither opens its [`Tx`](crate::Tx) nor sends has no effects that
    /// the store could tell, and runs again with every copy.
    ///
    /// Before a worker that was joined gets a transport, let it empty its queues: what waits in the store under an
    /// endpoint's own name is not relayed.
    #[must_use]
    pub fn via(mut self, transport: impl Transport) -> Self {
        self.via = Some(Arc::new(transport));
        self
    }

    /// Tells other processes by something else than the engine that this worker is alive, and which messages are no longer
    /// wanted. While it is away, work goes on, and [`Client::health`] says so.
    #[must_use]
    pub fn signals(mut self, signals: impl Signals) -> Self {
        self.signals = Some(Arc::new(signals));
        self
    }

    /// What the worker is called, for [`Client::workers`] to show: `worker` by default. Workers that do the same have the same
    /// name; several in one process, each with its own modules and limits, have names of their own.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// So many jobs run at once, of whatever kinds, besides the messages that are handled. Ten by default, or as many as a
    /// single one of its jobs may run if that is more.
    #[must_use]
    pub fn max_parallel_jobs(mut self, runs: usize) -> Self {
        self.max_parallel_jobs = Some(runs);
        self
    }

    /// How jobs are run as a configuration says, by [`Job::NAME`](crate::Job::NAME): in place of what the code says.
    #[must_use]
    pub fn job_settings(mut self, settings: impl IntoIterator<Item = (String, JobSettings)>) -> Self {
        self.job_settings.extend(settings);
        self
    }

    /// Has this look at every job, before and after its handler.
    #[must_use]
    pub fn job_filter(mut self, filter: impl JobFilter) -> Self {
        self.job_filters.add(filter);
        self
    }

    /// Tells in two files of this directory, for a supervisor that cannot ask over HTTP, how the worker is. `live` is written
    /// every 30 seconds, and holds the second since 1970 of the last time: one that is older than a minute is that of a
    /// process that hangs or was killed. `ready` is there, and as young, while [`Client::health`] is not down and the worker
    /// takes work in. Both are gone once the worker has stopped.
    #[must_use]
    pub fn probe_files(mut self, directory: impl Into<PathBuf>) -> Self {
        self.probe_files = Some(directory.into());
        self
    }

    /// Deletes what was kept long enough, as [`Limits`] say, by a job of its own, `wharf.retention`, at these times; its history
    /// tells how much went. Without this it is done in the background, every ten minutes.
    #[must_use]
    pub fn retention(mut self, times: Timetable) -> Self {
        self.retention = Some(times);
        self
    }

    /// The version of the program, for [`Client::workers`] to show.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.version = Some(version.to_owned());
        self
    }

    /// Adds a module.
    #[must_use]
    pub fn module<S>(mut self, module: Module<S>) -> Self {
        self.modules.push(module.name);
        self.endpoints.extend(module.endpoints);
        self.schedules.extend(module.schedules);
        self
    }

    /// Replaces the default limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Checks everything that can be checked before the first message, and declares what the modules consume: from then
    /// on whatever is published is kept for them. A process that only publishes calls this too and takes a
    /// [`client`](ReadyWorker::client): the routes it sends by are those that all processes have declared.
    ///
    /// The routes are drawn anew whenever another process declares or retires something and it is heard of, at the latest
    /// after `Limits::fallback_poll`. What is published in between goes where it went before.
    ///
    /// # Errors
    /// All that is wrong, at once; nothing was declared then.
    pub async fn ready(self) -> Result<ReadyWorker, Refused> {
        let mut ready = self.prepare().await?;
        ready.keeps_routes = Some(keep_routes(&ready.runtime, ready.consumes.clone()));
        Ok(ready)
    }

    /// As [`Worker::ready`], with nothing in the background.
    pub(crate) async fn prepare(mut self) -> Result<ReadyWorker, Refused> {
        let prunes = self.retention.is_none();
        if let Some(times) = self.retention.take() {
            let retention = job::retention(Arc::clone(&self.engine), self.limits.clone(), times);
            self = self.module(retention);
        }
        let mut problems = job::apply(&self.job_settings, &mut self.endpoints);
        start::keep_in_order(&self.schedules, &mut self.endpoints);
        problems.extend(start::check(&self.limits, &self.endpoints, &self.schedules));
        let max_parallel_jobs = self.max_parallel_jobs.unwrap_or_else(|| start::max_parallel_jobs(&self.endpoints));
        problems.extend(start::check_slots(max_parallel_jobs));
        problems.extend(start::check_transactions(self.engine.transactions(), &self.endpoints));
        let mut declaration = start::declaration(&self.endpoints, &self.schedules);
        if self.via.is_some() {
            start::replace_outboxes(&mut declaration);
            problems.extend(start::orders_lost(&self.endpoints));
        }
        let probes = self.probe_files.as_deref().map(Probes::within).transpose();
        let probes = probes.map_err(|error| problems.push(error)).ok().flatten();
        let (routes, jobs) = start::declare(&*self.engine, &declaration, &mut problems).await;
        if !problems.is_empty() {
            return Err(Refused(problems));
        }
        if let Some(transport) = &self.via {
            transport.prepare(&declaration.subscriptions);
            let known = self.engine.subscriptions().await.map_err(|error| Refused(vec![error]))?;
            transport.know(&known.into_iter().map(|stored| stored.subscription).collect::<Vec<_>>());
        }
        let mut destinations: BTreeSet<Arc<str>> = routes.endpoints().map(Arc::clone).collect();
        let carried = self.endpoints.iter().filter(|endpoint| endpoint.job.is_none());
        destinations.extend(carried.map(|endpoint| Arc::clone(&endpoint.name)));
        let post = PostOffice {
            routes: Current::new(routes),
            jobs: Current::new(jobs),
            clock: self.engine.clock(),
            body_size_max_bytes: self.limits.body_size_max_bytes,
            joined: self.via.is_none(),
        };
        let slots = Arc::new(Semaphore::new(max_parallel_jobs.min(Semaphore::MAX_PERMITS)));
        let jobs = Jobs { slots, filters: self.job_filters, running: RunningJobs::default() };
        let runtime = Runtime {
            engine: self.engine,
            via: self.via,
            signals: self.signals,
            post: Arc::new(post),
            limits: Arc::new(self.limits),
            vitals: Vitals::default(),
            survivors: Arc::new(Survivors::default()),
            presence: Arc::default(),
            jobs: Arc::new(jobs),
        };
        let outboxes = match &runtime.via {
            Some(transport) => {
                let relay = Relay::new(runtime.of_the_store(), Arc::clone(transport));
                let letters = transport.copies_letters().then(|| relay.letters());
                let outboxes = destinations.iter().map(|destination| relay.outbox(destination));
                outboxes.chain(letters).map(Arc::new).collect()
            }
            None => Vec::new(),
        };
        Ok(ReadyWorker {
            runtime,
            outboxes,
            endpoints: self.endpoints.into_iter().map(Arc::new).collect(),
            schedules: self.schedules.into_iter().map(Arc::new).collect(),
            consumes: declaration.subscriptions,
            name: self.name,
            probes: probes.map(Arc::new),
            prunes,
            version: self.version,
            keeps_routes: None,
        })
    }

    /// Checks, then runs until `stop` resolves; see [`ReadyWorker::run_until`].
    ///
    /// # Errors
    /// All that keeps it from starting.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<(), Refused> {
        self.ready().await?.run_until(stop).await;
        Ok(())
    }
}

impl ReadyWorker {
    /// A client whose messages say they come from `source`.
    pub fn client(&self, source: &str) -> Client {
        Client::new(self.runtime.clone(), source)
    }

    /// Runs until `stop` resolves. Then it takes in nothing more, lets handlers finish until the deadline, cancels what
    /// remains, and returns it to the queue, which costs no attempt. What does not let itself be cancelled, as it never
    /// comes to an await, is left behind a few seconds later: its lease runs out.
    pub async fn run_until(self, stop: impl Future<Output = ()>) {
        self.run_until_or_abort(stop, std::future::pending()).await;
    }

    /// As [`run_until`](ReadyWorker::run_until), until `abort` resolves: a second signal. Then it ends at once, whether it
    /// was asked to stop before or not. Handlers are dropped where they are and their transactions roll back; what was
    /// held is not returned, but comes back when its lease runs out, counted as a crash. What was committed stays
    /// committed, and nothing is done twice.
    pub async fn run_until_or_abort(self, stop: impl Future<Output = ()>, abort: impl Future<Output = ()>) -> Ended {
        let vitals = self.runtime.vitals.clone();
        let (keeps_routes, probes) = (self.keeps_routes.clone(), self.probes.clone());
        let ended = tokio::select! {
            biased;
            () = abort => Ended::Aborted,
            () = self.run(stop) => Ended::Drained,
        };
        if let Some(keeps_routes) = keeps_routes {
            keeps_routes.abort();
        }
        if let Some(probes) = probes {
            probes.remove();
        }
        vitals.turn(WorkerState::Stopped);
        ended
    }

    /// Dropping it ends every task at its next await.
    async fn run(self, stop: impl Future<Output = ()>) {
        let Runtime { vitals, limits, post, .. } = self.runtime.clone();
        let clock = &post.clock;
        let (phase, watch) = watch::channel(Phase::Running);
        let mut pumps = JoinSet::new();
        vitals.turn(WorkerState::Running);
        let names = self.endpoints.iter().map(|endpoint| endpoint.name.to_string()).collect();
        let who = Arc::new(introduce(&self.runtime.presence, self.name, self.version, names, clock.now()));
        let has_jobs = self.endpoints.iter().any(|endpoint| endpoint.job.is_some());
        let endpoints = self.endpoints.into_iter().map(|endpoint| (self.runtime.serving(&endpoint), endpoint));
        let outboxes = self.outboxes.into_iter().map(|outbox| (self.runtime.of_the_store(), outbox));
        for (runtime, endpoint) in endpoints.chain(outboxes) {
            vitals.expect_endpoint(&endpoint.name, clock.now(), endpoint.timeout);
            let watch = watch.clone();
            pumps.spawn(async move {
                let task = || pump(runtime.clone(), Arc::clone(&endpoint), watch.clone());
                supervise(&runtime, &endpoint.name, task).await;
            });
        }
        let (mut background, mut reports) = (JoinSet::new(), JoinSet::new());
        let runtime = self.runtime.clone();
        vitals.expect_task(Wakeups::TIMERS, clock.now(), limits.fallback_poll);
        background.spawn(async move { supervise(&runtime, Wakeups::TIMERS, || fire_timers(runtime.clone())).await });
        let runtime = self.runtime.clone();
        background.spawn(async move {
            supervise(&runtime, "wharf.listen", || async { runtime.engine.listen().await }).await
        });
        if self.prunes {
            let runtime = self.runtime.clone();
            vitals.expect_task(PRUNE, clock.now(), PRUNE_EVERY);
            background.spawn(async move { supervise(&runtime, PRUNE, || prune(runtime.clone())).await });
        }
        if has_jobs {
            let runtime = self.runtime.clone();
            reports.spawn(async move { supervise(&runtime, "wharf.reports", || report_runs(runtime.clone())).await });
        }
        if let Some(probes) = &self.probes {
            let (runtime, probes) = (self.runtime.clone(), Arc::clone(probes));
            vitals.expect_task(PROBES, clock.now(), PROBE_EVERY);
            background.spawn(async move {
                supervise(&runtime, PROBES, || probe(runtime.clone(), Arc::clone(&probes))).await
            });
        }
        if let Some(transport) = self.runtime.via.clone() {
            let runtime = self.runtime.clone();
            background.spawn(async move {
                supervise(&runtime, "wharf.transport", || async { transport.listen().await }).await
            });
            let runtime = self.runtime.clone();
            background.spawn(async move { supervise(&runtime, "wharf.inbox", || prune_inbox(runtime.clone())).await });
        }
        // These end last: a worker that stops is alive, and what it still handles may be cancelled.
        let (mut beats, mut hears) = (JoinSet::new(), JoinSet::new());
        let (runtime, known, watch) = (self.runtime.clone(), Arc::clone(&who), watch.clone());
        vitals.expect_task(HEARTBEAT, clock.now(), limits.heartbeat_every);
        beats.spawn(async move {
            supervise(&runtime, HEARTBEAT, || beat(runtime.clone(), Arc::clone(&known), watch.clone())).await;
        });
        let runtime = self.runtime.clone();
        hears.spawn(async move { supervise(&runtime, SIGNALS, || hear(runtime.clone())).await });
        let firings = Firings::new();
        if !self.schedules.is_empty() {
            let (runtime, firings) = (self.runtime.clone(), Arc::clone(&firings));
            background.spawn(async move { supervise(&runtime, "wharf.schedules", || firings.serve(&runtime)).await });
        }
        for each in self.schedules {
            let (runtime, sign, firings) = (self.runtime.clone(), sign(&each), Arc::clone(&firings));
            vitals.expect_task(&sign, clock.now(), LOOK_EVERY);
            background.spawn(async move {
                supervise(&runtime, &sign, || keep_schedule(runtime.clone(), Arc::clone(&each), Arc::clone(&firings)))
                    .await
            });
        }

        stop.await;
        vitals.turn(WorkerState::Draining);
        let _ = phase.send(Phase::Draining);
        background.shutdown().await;
        if let Some(probes) = &self.probes {
            probes.drain();
        }
        drain(&self.runtime, &phase, &mut pumps).await;
        hears.shutdown().await;
        reports.shutdown().await;
        drop(phase);
        leave(&self.runtime, &who, beats).await;
    }
}

/// Lets handlers finish until the deadline, and cancels what remains.
async fn drain(runtime: &Runtime, phase: &watch::Sender<Phase>, pumps: &mut JoinSet<()>) {
    let clock = &runtime.post.clock;
    let deadline = clock.sleep_until(clock.now() + runtime.limits.shutdown_deadline);
    tokio::select! {
        () = all_end(pumps) => return,
        () = deadline => tracing::warn!("handlers did not finish before the deadline; their deliveries go back to the queue"),
    }
    let _ = phase.send(Phase::Abandoning);
    let given_up = clock.sleep_until(clock.now() + ABANDON_MAX);
    tokio::select! {
        () = all_end(pumps) => {}
        () = given_up => tracing::error!("handlers that cannot be cancelled are left behind; their leases run out"),
    }
}

async fn all_end(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

fn list(problems: &[Error]) -> String {
    problems.iter().fold(String::new(), |text, problem| format!("{text}\n  {problem}\n    {}", problem.code().help))
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("modules", &self.modules)
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ReadyWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyWorker").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}
