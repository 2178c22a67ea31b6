//! What can be checked before the first message is refused at start, all of it at once.

use std::time::Duration;

use wharf::{Key, Kind, Limits, Memory, Message, Module, Msg, Result, Retry, Worker};

use super::Job;

async fn work(Msg(_): Msg<Job>) -> Result {
    Ok(())
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Unrouted;

impl Message for Unrouted {
    const NAME: &'static str = "test.unrouted";
    const KIND: Kind = Kind::Command;
    fn key(&self) -> Key {
        Key::new("test", 1)
    }
}

#[tokio::test]
async fn every_problem_is_named_at_once() {
    let mut limits = Limits::default();
    limits.lease = Duration::from_millis(1);
    let module = Module::new("m", ())
        .endpoint("one", |e| e.consume("work", work).consume("again", work))
        .endpoint("one", |e| e.consume("work", work))
        .endpoint("two", |e| e.retry(Retry::immediate("endless", 1_000)).concurrency(0))
        .every(Duration::ZERO, Job { n: 0 })
        .every(Duration::from_secs(60), Unrouted);

    let refused = Worker::new(Memory::new()).limits(limits).module(module).ready().await.unwrap_err();

    insta::assert_snapshot!(refused, @"
    the worker cannot start:
      W0027: limits.lease: at least 100 ms
        The message names the limit and its allowed range.
      W0016: endpoint `one` consumes `test.job` twice
        Put the second handler on an endpoint of its own.
      W0015: two endpoints are called `one`
        Give each a name of its own; ids must also survive renames.
      W0015: two handlers have the id `work`
        Give each a name of its own; ids must also survive renames.
      W0024: retry policy `endless`: 1000 retries, at most 100; first delay above zero and not above the maximum
        Give it at least one retry, at most 100, and a first delay not above the maximum.
      W0027: endpoint `two`: concurrency at least 1, prefetch at least as much
        The message names the limit and its allowed range.
      W0027: `test.job` is sent every 1µs, at least 1ms
        The message names the limit and its allowed range.
      W0014: command `test.job` has the consumers one, one, one
        Make it an event, or remove all but one consumer. If it moved, say `.replaces(..)` on the endpoint that consumes it now; if the other is gone for good, call `Client::retire`.
      W0013: no endpoint consumes the command `test.unrouted`
        Add the module that consumes it to the worker.
    ");
}

#[tokio::test]
async fn what_a_transport_of_another_kind_cannot_keep_is_named() {
    let module = Module::new("m", ())
        .endpoint("outbox:mine", |e| e)
        .endpoint("ledger", |e| e.ordered().consume("work", work))
        .endpoint("careful", |e| e.one_at_a_time());

    let refused = Worker::new(Memory::new()).via(Memory::new()).module(module).ready().await.unwrap_err();

    insta::assert_snapshot!(refused, @"
    the worker cannot start:
      W0041: endpoint `outbox:mine`: its name is that of a queue of wharf's own
        Give the endpoint another name.
      W0042: endpoint `ledger` is ordered, but the transport is of another kind than the store
        Use `one_at_a_time`, or let the store be the transport; or drop `ordered`, and let the handler tell old from new.
    ");
}
