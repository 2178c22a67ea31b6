//! Connecting, and coming back.

use orderly_infrastructure::{Infrastructure, simulators::BOOKS_FILE};

use crate::{
    book::{order, place},
    stage::{Stage, tenant},
};

pub(crate) async fn what_was_written_is_there_when_connected_again(stage: &Stage) {
    let id = place(stage, &order(&[(1, 1, 100)])).await.placed.order_id;
    stage.ports.close().await;
    let again = Infrastructure::connect(&stage.settings).await.unwrap();
    assert!(again.orders.order(&tenant(), id).await.unwrap().is_some());
    again.close().await;
}

pub(crate) async fn a_database_of_a_newer_version_is_refused(stage: &Stage) {
    stage.ports.close().await;
    stage.come_from_the_future().await;
    let refused = Infrastructure::connect(&stage.settings).await.unwrap_err().to_string();
    assert!(refused.starts_with("W0020: "), "{refused}");
    assert!(refused.contains("is at version 1000"), "{refused}");
}

pub(crate) async fn commits_are_counted(stage: &Stage) {
    let before = stage.ports.commits();
    place(stage, &order(&[(1, 1, 100)])).await;
    assert_eq!(stage.ports.commits(), before + 1);
}

pub(crate) async fn the_providers_books_are_closed_with_the_rest(stage: &Stage) {
    let log = stage.settings.data_dir.join(format!("{BOOKS_FILE}-wal"));
    assert!(log.exists());
    stage.ports.close().await;
    // SQLite removes it with the last connection, so whoever copies the directory now copies all there is.
    assert!(!log.exists());
}
