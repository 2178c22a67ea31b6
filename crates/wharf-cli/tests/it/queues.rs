//! A queue that nobody works on is seen.

use std::path::Path;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use wharf::{Draft, Module, Tenant, Worker};
use wharf_postgres::Postgres;

use crate::{Resize, database::Database, resize, wharf};

#[tokio::test(flavor = "multi_thread")]
async fn each_queue_tells_how_many_workers_are_at_it() {
    let database = Database::create().await;
    let engine = Postgres::connect(database.url()).await.unwrap();
    let worker = || Worker::new(engine.clone()).module(Module::new("pictures", ()).job("resize", resize));
    let client = worker().ready().await.unwrap().client("test");
    for later in [Draft::of(&Resize { pictures: 1 }), Draft::of_job("nobody.knows", &json!({}))] {
        client.post(&Tenant::default(), &later.after(std::time::Duration::from_secs(3_600))).await.unwrap();
    }
    let running: Vec<_> = (0..2)
        .map(|_| {
            let (stop, stopped) = oneshot::channel::<()>();
            let worker = worker();
            (stop, tokio::spawn(async move { worker.run_until(async { drop(stopped.await) }).await.unwrap() }))
        })
        .collect();
    while client.workers().await.unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }

    let told = || {
        let (ok, said) = wharf(Path::new(database.url()), &["--json", "queues"]);
        assert!(ok, "{said}");
        let queues: Value = serde_json::from_str(&said).unwrap();
        let of = |queue: &Value| (queue["endpoint"].as_str().unwrap().to_owned(), queue["workers"].as_u64().unwrap());
        queues.as_array().unwrap().iter().map(of).collect::<std::collections::BTreeMap<_, _>>()
    };
    assert_eq!(told()["job:pictures.resize"], 2);
    assert_eq!(told()["job:nobody.knows"], 0);
    for (stop, ran) in running {
        drop(stop);
        ran.await.unwrap();
    }
    assert_eq!(told()["job:pictures.resize"], 0, "they have gone");
    engine.close().await;
    database.remove().await;
}
