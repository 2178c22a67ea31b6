//! What comes back too often is set aside by the broker, where anybody can look at it.

use std::time::Duration;

use lapin::options::{BasicGetOptions, BasicNackOptions};
use wharf::ports::{Claim, Transport};

use crate::broker;

#[tokio::test]
async fn what_comes_back_too_often_is_in_the_error_queue() {
    let prefix = broker::prefix();
    let transport = broker::options(&prefix).delivery_limit(2).connect().await.unwrap();
    let (connection, channel) = broker::raw().await;
    // The first claim declares the queue; nobody consumes from it afterwards.
    transport.claim(&Claim::new("fragile", 1, Duration::from_secs(30))).await.unwrap();
    transport.close().await;
    let (queue, errors) = (format!("{prefix}fragile"), format!("{prefix}fragile_error"));
    let publish = channel.basic_publish("".into(), queue.clone().into(), Default::default(), b"{}", Default::default());
    publish.await.unwrap().await.unwrap();

    for _ in 0..3 {
        let back = loop {
            if let Some(message) = channel.basic_get(queue.clone().into(), BasicGetOptions::default()).await.unwrap() {
                break message;
            }
        };
        back.acker.nack(BasicNackOptions { requeue: true, ..BasicNackOptions::default() }).await.unwrap();
    }
    let aside = loop {
        if let Some(message) = channel.basic_get(errors.clone().into(), BasicGetOptions::default()).await.unwrap() {
            break message;
        }
    };
    assert_eq!(aside.data, b"{}");
    assert!(channel.basic_get(queue.into(), BasicGetOptions::default()).await.unwrap().is_none());
    connection.close(200, "done".into()).await.unwrap();
    let transport = broker::options(&prefix).delivery_limit(2).connect().await.unwrap();
    transport.claim(&Claim::new("fragile", 1, Duration::from_secs(30))).await.unwrap();
    transport.remove().await.unwrap();
}
