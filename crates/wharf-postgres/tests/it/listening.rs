//! w11: the listener or the one who tells is cut off, and is heard again.

use tokio::sync::mpsc;
use wharf::Tenant;

use crate::{
    database::Database,
    workers::{Counted, seer},
};

#[tokio::test]
async fn w11_a_listener_that_was_cut_off_listens_again() {
    let database = Database::create().await;
    let (seen, mut seeing) = mpsc::unbounded_channel();
    let (here, there) = (database.engine().await, database.engine().await);
    let (worker, sender) = (seer(&here, &seen).await, seer(&there, &seen).await.client("elsewhere"));

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

#[tokio::test]
async fn w11_a_sender_that_was_cut_off_tells_again() {
    let database = Database::create().await;
    let (seen, mut seeing) = mpsc::unbounded_channel();
    let (here, there) = (database.engine().await, database.engine().await);
    let (worker, sender) = (seer(&here, &seen).await, seer(&there, &seen).await.client("elsewhere"));

    worker
        .run_until(async {
            let listener = database.listener().await;
            sender.publish(&Tenant::default(), Counted { number: 1 }).await.unwrap();
            assert_eq!(seeing.recv().await, Some(1));

            database.terminate_all_but(listener).await;
            // The first may only find that its connection is gone; the last is never made good by a look.
            while sender.publish(&Tenant::default(), Counted { number: 2 }).await.is_err() {}
            assert_eq!(seeing.recv().await, Some(2));
            assert_eq!(database.listener().await, listener);
        })
        .await;

    here.close().await;
    there.close().await;
    database.remove().await;
}
