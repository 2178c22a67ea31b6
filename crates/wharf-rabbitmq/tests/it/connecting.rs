//! Who is not let in, or finds something else than expected, is told what and where.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
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

/// Something that answers whatever it is told with these bytes.
async fn answering(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1_024]).await;
            let _ = stream.write_all(&bytes).await;
        }
    });
    format!("amqp://guest:guest@127.0.0.1:{port}/%2f")
}

/// What a broker of this version says first.
fn greeting(version: &str) -> Vec<u8> {
    let mut properties = Vec::new();
    for (name, value) in [("product", "RabbitMQ"), ("version", version)] {
        properties.push(u8::try_from(name.len()).unwrap());
        properties.extend(name.bytes());
        properties.push(b'S');
        properties.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        properties.extend(value.bytes());
    }
    let mut method = vec![0, 10, 0, 10, 0, 9];
    method.extend(u32::try_from(properties.len()).unwrap().to_be_bytes());
    method.extend(properties);
    for list in ["PLAIN", "en_US"] {
        method.extend(u32::try_from(list.len()).unwrap().to_be_bytes());
        method.extend(list.bytes());
    }
    let mut frame = vec![1, 0, 0];
    frame.extend(u32::try_from(method.len()).unwrap().to_be_bytes());
    frame.extend(method);
    frame.push(0xCE);
    frame
}

#[tokio::test]
async fn what_is_no_rabbitmq_or_an_old_one_ends_the_start_with_one_line() {
    for (bytes, code, why) in [
        (greeting("3.9.29"), Code::BROKER_UNFIT, "RabbitMQ 3.9.29 answers there, and RabbitMQ 3.10 or newer is needed"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), Code::BROKER_UNFIT, "does not speak AMQP 0-9-1"),
        (b"AMQP\x00\x01\x00\x00".to_vec(), Code::BROKER_UNFIT, "does not speak AMQP 0-9-1"),
        (vec![21, 3, 3, 0, 2, 2, 10], Code::BROKER_TLS_UNFIT, "what answers there speaks TLS: amqps://"),
    ] {
        let error = RabbitMq::options(&answering(bytes).await).unwrap().connect().await.unwrap_err();
        let chain = error.chain();
        assert_eq!(error.code(), code, "{chain}");
        assert!(chain.contains("cannot connect to RabbitMQ at 127.0.0.1:") && chain.contains(why), "{chain}");
        assert!(!chain.contains('\n'), "{chain}");
    }
}

#[tokio::test]
async fn who_says_nothing_is_waited_for_so_long_and_counts_as_away() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("amqp://guest:guest@127.0.0.1:{port}/%2f?connection_timeout=50");
    let transport = RabbitMq::options(&url).unwrap().connect().await.unwrap();
    let error = transport.depth().await.unwrap_err();
    assert_eq!(error.code(), Code::ENGINE_UNREACHABLE);
    assert!(error.chain().contains("no answer within 50ms"), "{}", error.chain());
    drop(listener);
}

#[tokio::test]
async fn tls_to_a_port_without_it_ends_the_start() {
    let error = RabbitMq::options(&broker::url().replace("amqp://", "amqps://")).unwrap().connect().await.unwrap_err();
    assert_eq!(error.code(), Code::BROKER_TLS_UNFIT, "{}", error.chain());
}

#[tokio::test]
async fn of_several_hosts_one_that_answers_is_used_and_another_once_it_no_longer_does() {
    let ((first, one), (second, other)) = (broker::behind_proxy().await, broker::behind_proxy().await);
    one.close();
    let transport = RabbitMq::options(&format!("{first},{second}")).unwrap().connect().await.unwrap();
    transport.depth().await.unwrap();
    one.open();
    other.close();
    let back = async {
        // The connection that was cut is noticed by whoever asks next.
        while transport.depth().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), back).await.expect("the first host is used");
    transport.close().await;
}

#[tokio::test]
async fn among_several_hosts_one_that_refuses_us_is_told_where_none_answers() {
    let (away, proxy) = broker::behind_proxy().await;
    proxy.close();
    let refuses = broker::url().replace("guest@", "s3cret@");
    let error = RabbitMq::options(&format!("{away},{refuses}")).unwrap().connect().await.unwrap_err();
    assert_eq!(error.code(), Code::BROKER_LOGIN_REFUSED, "{}", error.chain());
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
