//! What the broker does not take: at once, as a queue may in the moment in which it is declared, or for good.

use wharf::{Code, ports::Transport};
use wharf_rabbitmq::RabbitMq;

use crate::{broker, leases::message, proxy::Proxy};

async fn behind_proxy() -> (RabbitMq, Proxy) {
    let (url, proxy) = broker::behind_proxy().await;
    let transport = RabbitMq::options(&url).unwrap().prefix(&broker::prefix()).connect().await.unwrap();
    (transport, proxy)
}

#[tokio::test]
async fn what_is_refused_in_a_moment_of_change_is_offered_again() {
    let (transport, proxy) = behind_proxy().await;
    proxy.refuse(2);

    transport.send(&[message("a"), message("b")]).await.unwrap();

    assert_eq!(proxy.to_refuse(), 0);
    proxy.refuse(1);
    transport.copy_letter(&message("a")).await.unwrap();
    assert_eq!(proxy.to_refuse(), 0);
    transport.remove().await.unwrap();
}

#[tokio::test]
async fn what_is_refused_again_and_again_is_told() {
    let (transport, proxy) = behind_proxy().await;
    proxy.refuse(usize::MAX);

    let refused = transport.send(&[message("a")]).await.unwrap_err();

    assert_eq!(refused.code(), Code::ENGINE_UNREACHABLE);
    assert!(refused.to_string().contains("RabbitMQ did not take a message"), "{refused}");
    let refused = transport.copy_letter(&message("a")).await.unwrap_err();
    assert_eq!(refused.code(), Code::ENGINE_FAILED);
    assert!(refused.to_string().contains("hear_error\" is full"), "{refused}");
    proxy.refuse(0);
    transport.remove().await.unwrap();
}
