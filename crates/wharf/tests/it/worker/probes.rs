//! Files for whoever watches a process without asking it.

use std::{path::Path, time::Duration};

use wharf::{
    Code, Memory, Module, Msg, Result, State, Worker,
    testing::{Faulty, ManualClock},
};

use super::{Gate, Job, Running, gate, until};

async fn hold(Msg(job): Msg<Job>, State(gate): State<Gate>) -> Result {
    gate.pass(job.n).await;
    Ok(())
}

fn files(directory: &Path) -> (bool, bool) {
    (directory.join("live").exists(), directory.join("ready").exists())
}

#[tokio::test]
async fn s004_17_a_worker_tells_in_files_that_it_lives_and_that_it_is_ready_until_it_drains() {
    let directory = tempfile::tempdir().unwrap();
    let probes = directory.path().join("of/this/worker");
    let (gate, mut keeper) = gate();
    let running =
        Running::on_memory(|worker| worker.probe_files(&probes).module(Module::new("m", gate).consume("hold", hold)));
    let running = running.await;
    until_real(|| files(&probes) == (true, true)).await;
    let written = || std::fs::read_to_string(probes.join("live")).unwrap();
    let first = written();
    running.clock.wind(Duration::from_secs(30));
    until_real(|| written() != first).await;

    running.send([1]).await;
    keeper.next().await;
    running.ask_to_stop();
    until("it drains", async || files(&probes) == (true, false)).await;
    keeper.let_pass(1);
    running.stopped().await;
    assert_eq!(files(&probes), (false, false));
}

#[tokio::test]
async fn a_worker_whose_database_is_away_lives_and_is_ready_once_it_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let engine = Faulty::new(Memory::with_clock(clock.clone()), 1).rate(1.0);
    let running = Running::start(engine.clone(), clock, |worker| worker.probe_files(directory.path())).await;
    let live = directory.path().join("live");
    let has_beaten = || std::fs::read_to_string(&live).is_ok_and(|text| text != "starting\n" && !text.is_empty());
    until_real(has_beaten).await;
    assert_eq!(files(directory.path()), (true, false));

    engine.calm();
    until("it is ready", async || {
        running.clock.wind(Duration::from_secs(1));
        files(directory.path()) == (true, true)
    })
    .await;
    running.stop().await;
    assert_eq!(files(directory.path()), (false, false));
}

#[tokio::test]
async fn a_worker_that_never_ran_leaves_no_files() {
    let directory = tempfile::tempdir().unwrap();
    let refused = Worker::new(Memory::new()).max_parallel_jobs(0).probe_files(directory.path()).ready().await;
    assert!(refused.is_err());
    assert_eq!(files(directory.path()), (false, false));
    let ready = Worker::new(Memory::new()).probe_files(directory.path()).ready().await.unwrap();
    assert_eq!(files(directory.path()), (true, false), "it lives, and is not ready before it runs");
    drop(ready);
    assert_eq!(files(directory.path()), (false, false));
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_to_is_refused_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = Worker::new(Memory::new()).probe_files(&file).ready().await.unwrap_err();
    assert_eq!(refused.0.iter().map(wharf::Error::code).collect::<Vec<_>>(), [Code::PROBES_UNWRITABLE]);
    assert!(refused.to_string().contains(&*file.to_string_lossy()), "{refused}");
}

/// Waits for what a thread beside this one does.
async fn until_real(so: impl Fn() -> bool) {
    let come = async {
        while !so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), come).await.unwrap();
}
