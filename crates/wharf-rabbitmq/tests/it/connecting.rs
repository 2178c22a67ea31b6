//! Who is not let in, or finds something else than expected, is told what and where.

use std::time::Duration;

use wharf::{
    Code,
    ports::{Claim, Transport},
};
use wharf_rabbitmq::RabbitMq;

use crate::broker;

/// Connects with one part of the address replaced.
async fn refused(part: &str, by: &str, code: Code) -> String {
    let url = broker::url();
    assert!(url.contains(part), "the tests want an address with {part} in it");
    let error = RabbitMq::options(&url.replace(part, by)).unwrap().connect().await.unwrap_err();
    assert_eq!(error.code(), code);
    error.chain()
}

#[tokio::test]
async fn a_wrong_password_is_told_without_the_password() {
    let chain = refused("guest@", "s3cret@", Code::BROKER_LOGIN_REFUSED).await;
    assert!(chain.contains("cannot connect to RabbitMQ at 127.0.0.1:"), "{chain}");
    assert!(chain.contains("as \"guest\"") && chain.contains("ACCESS_REFUSED"), "{chain}");
    assert!(!chain.contains("s3cret"), "{chain}");
}

#[tokio::test]
async fn an_unknown_virtual_host_is_told_by_its_name() {
    let chain = refused("%2f", "nowhere", Code::BROKER_VHOST_REFUSED).await;
    assert!(chain.contains("virtual host \"nowhere\"") && chain.contains("not found"), "{chain}");
}

#[tokio::test]
async fn what_is_no_address_is_refused_with_the_form_of_one() {
    let error = RabbitMq::options("rabbit on the corner").unwrap_err();
    assert_eq!(error.code(), Code::BROKER_ADDRESS_UNREADABLE);
    assert!(error.chain().contains("amqp://user:password@host:5672/vhost"), "{}", error.chain());
}

#[tokio::test]
async fn a_prefetch_of_none_is_refused() {
    let error = broker::options("").prefetch(0).connect().await.unwrap_err();
    assert_eq!(error.code(), Code::LIMIT_INVALID);
}

#[tokio::test]
async fn a_queue_that_was_declared_otherwise_is_named_with_the_difference_and_left_as_it_is() {
    let prefix = broker::prefix();
    let claim = Claim::new("payment", 1, Duration::from_secs(30));
    let first = broker::options(&prefix).delivery_limit(3).connect().await.unwrap();
    first.claim(&claim).await.unwrap();

    let second = broker::options(&prefix).delivery_limit(7).connect().await.unwrap();
    let error = second.claim(&claim).await.unwrap_err();
    assert_eq!(error.code(), Code::ENGINE_FAILED);
    let chain = error.chain();
    assert!(chain.contains(&format!("cannot declare the queue \"{prefix}payment\"")), "{chain}");
    assert!(chain.contains("inequivalent arg 'x-delivery-limit'"), "{chain}");
    assert!(chain.contains("received '7' but current is '3'"), "{chain}");
    second.close().await;

    first.claim(&claim).await.expect("it stands as it stood");
    first.remove().await.unwrap();
}
