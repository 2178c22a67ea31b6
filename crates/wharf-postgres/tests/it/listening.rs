//! The listener is cut off, and listens again.

use tokio::sync::mpsc;
use wharf::{Module, Tenant, Worker};

use crate::{
    database::Database,
    workers::{Counted, only_when_woken, see},
};

#[tokio::test]
async fn a_listener_that_was_cut_off_listens_again() {
    let database = Database::create().await;
    let (seen, mut seeing) = mpsc::unbounded_channel();
    let (here, there) = (database.engine().await, database.engine().await);
    let worker = async |engine| {
        let module = Module::new("test", seen.clone()).consume("see", see);
        Worker::new(engine).module(module).limits(only_when_woken()).ready().await.unwrap()
    };
    let (worker, sender) = (worker(here.clone()).await, worker(there.clone()).await.client("elsewhere"));

    worker
        .run_until(async {
            let first = database.listener().await;
            database.terminate(first).await;
            // Whether it is sent before the listener is back or after, it is found.
            sender.publish(&Tenant::default(), Counted { number: 1 }).await.unwrap();
            assert_eq!(seeing.recv().await, Some(1));

            assert_ne!(database.listener().await, first);
            sender.publish(&Tenant::default(), Counted { number: 2 }).await.unwrap();
            assert_eq!(seeing.recv().await, Some(2));
        })
        .await;

    here.close().await;
    there.close().await;
    database.remove().await;
}
