//! tower's layers on an endpoint: what they let pass, what they turn away, and what it costs.

use std::{
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::sync::mpsc;
use tower::{
    Layer, Service, layer::layer_fn, limit::ConcurrencyLimitLayer, limit::RateLimitLayer, timeout::TimeoutLayer,
};
use tower_resilience_circuitbreaker::{CircuitBreakerLayer, CircuitState};
use wharf::{
    Arrival, Clock, Endpoint, Failure, Handling, Memory, MemoryTx, Module, Msg, Result, Retry, State, Tenant,
    Timestamp, Tx, Unhandled, Worker, snooze,
    testing::{Harness, ManualClock},
};

use crate::worker::Job;

async fn do_it(Msg(_): Msg<Job>) -> Result {
    Ok(())
}

async fn never_end(Msg(_): Msg<Job>, mut tx: Tx) -> Result {
    tx.memory().await?.put("written", "yes");
    std::future::pending().await
}

/// A harness over one endpoint, on a clock that the endpoint's layers may know.
async fn app(build: impl FnOnce(Endpoint<()>, ManualClock) -> Endpoint<()>) -> (Harness, Memory) {
    let clock = ManualClock::new();
    let memory = Memory::with_clock(clock.clone());
    let module = Module::new("m", ()).endpoint("work", |endpoint| build(endpoint, clock.clone()));
    (Harness::start(Worker::new(memory.clone()).module(module), clock).await, memory)
}

/// Lets one delivery pass, and the next only after a while by the test's clock.
#[derive(Clone)]
struct OneEvery<S> {
    inner: S,
    every: Duration,
    clock: ManualClock,
    next: Timestamp,
}

impl<S: Service<Arrival>> Service<Arrival> for OneEvery<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.clock.now() < self.next { Poll::Pending } else { self.inner.poll_ready(context) }
    }

    fn call(&mut self, arrival: Arrival) -> S::Future {
        self.next = self.clock.now() + self.every;
        self.inner.call(arrival)
    }
}

#[tokio::test]
async fn a_rate_limit_spreads_deliveries_and_costs_no_attempt() {
    let (mut app, _) = app(|endpoint, clock| {
        let every = Duration::from_secs(2);
        endpoint.consume("work", do_it).layer(layer_fn(move |inner: Handling| OneEvery {
            inner,
            every,
            next: clock.now(),
            clock: clock.clone(),
        }))
    })
    .await;
    app.send(Job { n: 1 }).await;
    app.send(Job { n: 2 }).await;
    app.wind(Duration::from_secs(3)).await;

    insta::assert_snapshot!(app.transcript(), @"
    → test.job job:1
    → test.job job:2
    work ← test.job job:1
    work ← test.job job:2 … again in 1s
    -- 1s later
    work ← test.job job:2 … again in 1s
    -- 1s later
    work ← test.job job:2
    ");
    app.finish().await;
}

#[tokio::test(start_paused = true)]
async fn towers_own_rate_limit_holds_while_a_worker_runs() {
    async fn tell(Msg(_): Msg<Job>, State(ran): State<mpsc::UnboundedSender<tokio::time::Instant>>) -> Result {
        ran.send(tokio::time::Instant::now()).map_err(|_| Failure::retry("nobody listens"))
    }
    let (ran, mut running) = mpsc::unbounded_channel();
    let module = Module::new("m", ran).endpoint("work", |endpoint| {
        endpoint.layer(RateLimitLayer::new(2, Duration::from_millis(500))).consume("work", tell)
    });
    let worker = Worker::new(Memory::new()).module(module).ready().await.unwrap();
    let client = worker.client("test");
    for n in 0..6 {
        client.send(&Tenant::default(), Job { n }).await.unwrap();
    }
    let mut times = Vec::new();
    worker
        .run_until(async {
            for _ in 0..6 {
                times.push(running.recv().await.unwrap());
            }
        })
        .await;

    let passed: Vec<_> = times.iter().map(|time| (*time - times[0]).as_millis() / 500).collect();
    assert_eq!(passed, [0, 0, 1, 1, 2, 2], "two in each half second: {times:?}");
}

#[tokio::test]
async fn while_a_breaker_is_open_deliveries_wait_and_cost_no_attempt() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    static IS_UP: AtomicBool = AtomicBool::new(false);
    async fn charge(Msg(_): Msg<Job>) -> Result {
        RUNS.fetch_add(1, Ordering::Relaxed);
        if IS_UP.load(Ordering::Relaxed) { Ok(()) } else { Err(Failure::retry("the provider is down")) }
    }
    let breaker = CircuitBreakerLayer::builder().minimum_number_of_calls(2).sliding_window_size(2);
    let breaker = breaker.wait_duration_in_open(Duration::from_secs(3600));
    let (layer, breaker) = breaker.build_with_handle().unwrap();
    let (mut app, _) = app(|endpoint, _| endpoint.consume("work", charge).layer(layer)).await;
    app.send(Job { n: 1 }).await;
    app.send(Job { n: 2 }).await;
    app.settle().await;
    assert_eq!(breaker.state(), CircuitState::Open);
    app.wind(Duration::from_secs(600)).await;
    assert_eq!(RUNS.load(Ordering::Relaxed), 2, "nobody called while it was open");

    IS_UP.store(true, Ordering::Relaxed);
    breaker.force_closed().await;
    app.wind(Duration::from_secs(2)).await;
    let story = app.transcript();
    let (first, last): (Vec<_>, Vec<_>) = (story.lines().take(8).collect(), story.lines().rev().take(2).collect());
    insta::assert_snapshot!(first.join("\n"), @"
    → test.job job:1
    → test.job job:2
    work ← test.job job:1 ✗ W0001 the provider is down, again in 1s
    work ← test.job job:2 ✗ W0001 the provider is down, again in 1s
    -- 1s later
    work ← test.job job:1 (attempt 2) … again in 1s
    work ← test.job job:2 (attempt 2) … again in 1s
    -- 1s later
    ");
    assert_eq!(last, ["work ← test.job job:2 (attempt 2)", "work ← test.job job:1 (attempt 2)"]);
    app.finish().await;
}

#[tokio::test]
async fn a_backlog_is_not_churned_through_while_its_layer_turns_everything_away() {
    const PREFETCH: usize = 4;

    /// Tells the test of each that it turned away.
    struct Closed(mpsc::UnboundedSender<String>);

    impl Service<Arrival> for Closed {
        type Response = ();
        type Error = &'static str;
        type Future = Ready<Result<(), &'static str>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, arrival: Arrival) -> Self::Future {
            self.0.send(arrival.envelope().key.to_string()).unwrap();
            ready(Err("closed"))
        }
    }

    let clock = ManualClock::new();
    let (turned_away, mut turning) = mpsc::unbounded_channel();
    let module = Module::new("m", ()).endpoint("work", |endpoint| {
        let closed = layer_fn(move |_: Handling| Closed(turned_away.clone()));
        endpoint.concurrency(2).prefetch(PREFETCH).layer(closed).consume("work", do_it)
    });
    let worker = Worker::new(Memory::with_clock(clock.clone())).module(module).ready().await.unwrap();
    let client = worker.client("test");
    for n in 0..100 {
        client.send(&Tenant::default(), Job { n }).await.unwrap();
    }
    worker
        .run_until(async {
            for _ in 0..3 {
                for _ in 0..PREFETCH {
                    turning.recv().await.unwrap();
                }
                // Messages that come meanwhile ring the bell, to no effect.
                client.send(&Tenant::default(), Job { n: 100 }).await.unwrap();
                while client.depth().await.unwrap()[0].held > 0 {
                    tokio::task::yield_now().await;
                }
                clock.wind(Duration::from_secs(1));
            }
        })
        .await;

    assert!(turning.len() <= PREFETCH, "only those that were claimed after the last second: {}", turning.len());
}

#[tokio::test]
async fn a_layer_that_times_out_fails_the_attempt_and_undoes_it() {
    let (mut app, memory) = app(|endpoint, _| {
        let once = Retry::fixed("once", [Duration::from_secs(5)]);
        endpoint.consume("work", never_end).retry(once).layer(TimeoutLayer::new(Duration::from_millis(5)))
    })
    .await;
    app.send(Job { n: 1 }).await;
    app.wind(Duration::from_secs(5)).await;

    insta::assert_snapshot!(app.transcript(), @"
    → test.job job:1
    work ← test.job job:1 ✗ W0052 a layer gave its handler up: request timed out, again in 5s
    -- 5s later
    work ← test.job job:1 (attempt 2) ✗ W0052 a layer gave its handler up: request timed out, ✝ dead letter
    ");
    assert_eq!(memory.get("written").await, None);
    app.leaving_behind();
}

#[tokio::test]
async fn a_concurrency_limit_of_one_is_a_queue_in_which_nobody_loses_an_attempt() {
    static AT_ONCE: AtomicU32 = AtomicU32::new(0);
    async fn alone(Msg(_): Msg<Job>, State(ran): State<mpsc::UnboundedSender<u32>>) -> Result {
        let others = AT_ONCE.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        AT_ONCE.fetch_sub(1, Ordering::Relaxed);
        ran.send(others).map_err(|_| Failure::retry("nobody listens"))
    }
    let (ran, mut running) = mpsc::unbounded_channel();
    let module = Module::new("m", ran).endpoint("work", |endpoint| {
        endpoint.retry(Retry::fixed("none", [])).layer(ConcurrencyLimitLayer::new(1)).consume("work", alone)
    });
    let worker = Worker::new(Memory::new()).module(module).ready().await.unwrap();
    let client = worker.client("test");
    for n in 0..20 {
        client.send(&Tenant::default(), Job { n }).await.unwrap();
    }
    worker
        .run_until(async {
            for _ in 0..20 {
                assert_eq!(running.recv().await, Some(0));
            }
        })
        .await;
}

#[tokio::test]
async fn layers_wrap_those_before_them_and_see_verdict_and_envelope() {
    type Told = Arc<std::sync::Mutex<Vec<String>>>;

    /// Notes the order in which layers are passed, and the handler's answer on the way back.
    #[derive(Clone)]
    struct Noting(&'static str, Told, Handling);

    impl Service<Arrival> for Noting {
        type Response = ();
        type Error = Unhandled;
        type Future = futures_util::future::BoxFuture<'static, Result<(), Unhandled>>;

        fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Unhandled>> {
            self.2.poll_ready(context)
        }

        fn call(&mut self, arrival: Arrival) -> Self::Future {
            let (name, told) = (self.0, Arc::clone(&self.1));
            let note = move |what: String| told.lock().unwrap().push(format!("{name}: {what}"));
            note(arrival.envelope().key.to_string());
            let handling = self.2.call(arrival);
            Box::pin(async move {
                let answer = handling.await;
                note(format!("{:?}", answer.as_ref().map_err(Unhandled::verdict)));
                // Whatever a layer makes of it: the handler's verdict stands.
                Ok(())
            })
        }
    }

    async fn wait(Msg(_): Msg<Job>) -> Result {
        Err(snooze(Duration::from_secs(30)))
    }

    let told = Told::default();
    let noting = |name| {
        let told = Arc::clone(&told);
        layer_fn(move |inner| Noting(name, Arc::clone(&told), inner))
    };
    let (mut app, _) =
        app(|endpoint, _| endpoint.layer(noting("inner")).consume("work", wait).layer(noting("outer"))).await;
    app.send(Job { n: 1 }).await;
    app.settle().await;

    insta::assert_snapshot!(told.lock().unwrap().join("\n"), @"
    outer: job:1
    inner: job:1
    inner: Err(Snooze(30s))
    outer: Ok(())
    ");
    insta::assert_snapshot!(app.transcript(), @"
    → test.job job:1
    work ← test.job job:1 … again in 30s
    ");
    app.leaving_behind();
}

/// Answers by itself and hands nothing on.
struct Answering<S>(S, Result<(), &'static str>);

impl<S: Service<Arrival>> Service<Arrival> for Answering<S> {
    type Response = ();
    type Error = &'static str;
    type Future = Ready<Result<(), &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Arrival) -> Self::Future {
        ready(self.1)
    }
}

async fn story_of(layer: impl Layer<Handling, Service = Answering<Handling>>) -> String {
    let (mut app, _) = app(|endpoint, _| endpoint.layer(layer).consume("work", do_it)).await;
    app.send(Job { n: 1 }).await;
    app.wind(Duration::from_secs(1)).await;
    let story = app.transcript();
    app.leaving_behind();
    story
}

#[tokio::test]
async fn a_layer_that_answers_in_the_handlers_place_acknowledges_nothing() {
    insta::assert_snapshot!(story_of(layer_fn(|inner| Answering(inner, Ok(())))).await, @"
    → test.job job:1
    work ← test.job job:1 ✗ W0052 a layer answered in its handler's place, again in 1s
    -- 1s later
    work ← test.job job:1 (attempt 2) ✗ W0052 a layer answered in its handler's place, again in 3s
    ");
    insta::assert_snapshot!(story_of(layer_fn(|inner| Answering(inner, Err("closed on Sundays")))).await, @"
    → test.job job:1
    work ← test.job job:1 … again in 1s
    -- 1s later
    work ← test.job job:1 … again in 1s
    ");
}
