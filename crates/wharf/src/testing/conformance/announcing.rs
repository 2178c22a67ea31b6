//! What workers announce of their jobs is known to all, and what does not fit it is refused at the door.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Stage, Subject};
use crate::{
    Client, Code, Draft, Job, Module, Msg, Result, RunFilter, Tenant, Worker,
    ports::{Declaration, Declared, JobType, Store},
};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Paint {
    walls: Vec<Wall>,
    #[serde(default)]
    layers: u8,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Wall {
    colour: String,
    width: u32,
}

impl Job for Paint {
    const NAME: &'static str = "case.paint";
    const VERSION: u16 = 3;
}

async fn paint(Msg(job): Msg<Paint>) -> Result<u8> {
    Ok(job.layers)
}

impl<S: Subject> Stage<S> {
    async fn announce(&self, version: u16, schema: &str) {
        let jobs = vec![JobType { name: Arc::from("case.dig"), version, schema: Arc::from(schema) }];
        let declared = self.engine().declare(&Declaration { jobs, ..Declaration::default() }).await.unwrap();
        assert!(matches!(declared, Declared::Accepted));
    }

    async fn announced(&self, job: &str) -> Vec<(u16, String)> {
        let all = self.engine().job_types().await.unwrap().into_iter();
        all.filter(|one| *one.name == *job).map(|one| (one.version, one.schema.to_string())).collect()
    }

    /// A client of a process that runs no job.
    async fn outsider(&self) -> Client {
        Worker::new(self.engine()).ready().await.unwrap().client("outsider")
    }
}

pub async fn the_newest_version_of_a_job_speaks<S: Subject>(stage: &mut Stage<S>) {
    assert_eq!(stage.announced("case.dig").await, []);
    stage.announce(2, "{}").await;
    stage.announce(1, r#"{"title":"old"}"#).await;
    assert_eq!(stage.announced("case.dig").await, [(2, "{}".to_owned())]);
    stage.announce(2, r#"{"title":"mended"}"#).await;
    assert_eq!(stage.announced("case.dig").await, [(2, r#"{"title":"mended"}"#.to_owned())]);
    stage.announce(3, "true").await;
    assert_eq!(stage.announced("case.dig").await, [(3, "true".to_owned())]);
}

pub async fn arguments_written_by_hand_are_of_the_announced_version_and_fit_its_schema<S: Subject>(
    stage: &mut Stage<S>,
) {
    let module = Module::new("painter", ()).job("paint", paint);
    let worker = Worker::new(stage.engine()).module(module).ready().await.unwrap();
    let (client, tenant) = (stage.outsider().await, Tenant::default());
    let post = async |args| client.post(&tenant, &Draft::of_job("case.paint", &args)).await;

    let unfit = post(json!({ "walls": [{ "colour": 7, "width": 2 }, { "colour": "red" }] })).await.unwrap_err();
    assert_eq!(unfit.code(), Code::ARGUMENTS_UNFIT);
    let told = unfit.to_string();
    for fault in ["job `case.paint`", "/walls/0/colour: want string", "/walls/1: missing properties 'width'"] {
        assert!(told.contains(fault), "{told}");
    }
    let unfit = post(json!(null)).await.unwrap_err().to_string();
    assert!(unfit.contains("the arguments: want object, but got null"), "{unfit}");
    assert_eq!(client.runs(&RunFilter::default()).await.unwrap(), []);

    let id = post(json!({ "walls": [{ "colour": "red", "width": 2 }], "unknown": true })).await.unwrap();
    assert_eq!(client.run(&tenant, id).await.unwrap().unwrap().version, 3);
    // Whoever has the type itself is not asked.
    let typed = Paint { walls: Vec::new(), layers: 1 };
    client.enqueue(&tenant, typed).await.unwrap();
    drop(worker);
}

pub async fn a_job_that_nobody_has_announced_waits_unchecked<S: Subject>(stage: &mut Stage<S>) {
    let (client, tenant) = (stage.outsider().await, Tenant::default());
    let id = client.post(&tenant, &Draft::of_job("case.unheard-of", &json!([1, 2]))).await.unwrap();
    assert_eq!(client.run(&tenant, id).await.unwrap().unwrap().version, 1);
    stage.claim_one("job:case.unheard-of").await;
}
