//! Jobs and their history, from a schedule to a dead letter and back: `cargo run -p wharf --example jobs`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use wharf::{
    Client, DeadLetterFilter, Error, Failure, Job, JobOptions, Memory, Module, Msg, Result, Run, RunStatus, Schedule,
    Tenant, Timetable, Worker, blocking,
};

/// Makes thumbnails of pictures. One of them may be broken.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Resize {
    pictures: Vec<String>,
}

impl Job for Resize {
    const NAME: &'static str = "pictures.resize";
}

/// What a run returns is kept with it.
#[derive(Serialize)]
struct Made {
    thumbnails: usize,
}

async fn resize(Msg(Resize { pictures }): Msg<Resize>, run: Run) -> Result<Made> {
    for (nth, picture) in pictures.iter().enumerate() {
        if picture == "broken.png" {
            return Err(Failure::dead_letter(format!("{picture} is no picture")));
        }
        run.info(format!("{picture} is done"));
        run.progress(nth + 1, pictures.len());
    }
    Ok(Made { thumbnails: pictures.len() })
}

/// Counts, for a long time, on a thread of its own.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Count {}

impl Job for Count {
    const NAME: &'static str = "numbers.count";
}

fn count(Msg(Count {}): Msg<Count>, run: Run) -> Result<u64> {
    let counted = (0_u64..).take_while(|_| !run.is_cancelled()).last();
    Err(Failure::retry(format!("counted to {counted:?} and was asked to stop")))
}

/// Goes through the life of a few jobs.
pub(crate) async fn run(mut say: impl FnMut(String)) -> Result<(), Box<dyn std::error::Error>> {
    let nightly = Timetable::cron("30 3 * * *", "Europe/Berlin")?;
    // Two at a time in each worker, ten minutes each, and five retries after 1, 2, 4, 8 and 16 seconds.
    let options = JobOptions::default().max_parallel(2).timeout(Duration::from_secs(600));
    let options = options.retries(5, Duration::from_secs(1));
    let module = Module::new("studio", ())
        .job_with("resize-pictures", options, resize)
        .job("count", blocking(count))
        .schedule(Schedule::new(nightly, Resize { pictures: vec!["of-the-day.png".to_owned()] }).named("nightly"));
    let worker = Worker::new(Memory::new()).module(module).ready().await?;
    let (client, tenant) = (worker.client("main"), Tenant::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let working = tokio::spawn(worker.run_until(async { drop(stopped.await) }));

    let well = client.enqueue(&tenant, Resize { pictures: vec!["a.png".to_owned(), "b.png".to_owned()] }).await?;
    let run = until(&client, well, RunStatus::Succeeded).await?;
    let progress = run.progress.map(|progress| format!("{} of {}", progress.done, progress.of));
    say(format!("{} {}: {}, {}", run.job, run.status, run.result.unwrap_or_default(), progress.unwrap_or_default()));
    for line in client.run_log(&tenant, well, None).await? {
        say(format!("  {} {}", line.level, line.text));
    }

    let broken = client.enqueue(&tenant, Resize { pictures: vec!["broken.png".to_owned()] }).await?;
    let run = until(&client, broken, RunStatus::Failed).await?;
    say(format!("{} {}: {}", run.job, run.status, run.reason.unwrap_or_default()));
    for letter in client.dead_letters(&DeadLetterFilter::default()).await? {
        say(format!("  dead letter {}: {}", letter.code, letter.body));
    }
    // Somebody has mended the picture; or so they say.
    client.rerun(&tenant, broken).await?;
    let run = until(&client, broken, RunStatus::Failed).await?;
    say(format!("{} {} again, after {} redrive", run.job, run.status, run.redrives));

    let endless = client.enqueue(&tenant, Count {}).await?;
    until(&client, endless, RunStatus::Running).await?;
    client.cancel(&tenant, endless).await?;
    let run = until(&client, endless, RunStatus::Cancelled).await?;
    say(format!("{} {}", run.job, run.status));

    // Tonight's run, now, and with other pictures; but not with what are none.
    let album = serde_json::json!({ "pictures": ["album.png"] });
    let tonight = client.trigger_schedule_with(&tenant, "nightly", &album, "jane").await?;
    let run = until(&client, tonight, RunStatus::Succeeded).await?;
    say(format!("{} {}: {}", run.job, run.status, run.args));
    let unfit = serde_json::json!({ "pictures": 7 });
    if let Err(refused) = client.trigger_schedule_with(&tenant, "nightly", &unfit, "jane").await {
        say(refused.to_string());
    }

    drop(stop);
    working.await?;
    Ok(())
}

/// Waits until a run stands there.
async fn until(client: &Client, id: uuid::Uuid, status: RunStatus) -> Result<wharf::RunRecord, Error> {
    loop {
        if let Some(run) = client.run(&Tenant::default(), id).await?.filter(|run| run.status == status) {
            return Ok(run);
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example shows what it does")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    run(|line| println!("{line}")).await
}
