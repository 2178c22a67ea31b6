//! Redis may be away when a process starts, and at any time after.

use std::{net::TcpListener, time::Duration};

use tokio::sync::mpsc;
use uuid::Uuid;
use wharf::{
    Code, Memory, Status, Tenant, Worker,
    ports::{Cancellation, Signals},
};
use wharf_redis::Redis;

use crate::server::{Server, url};

#[tokio::test]
async fn while_redis_is_away_it_is_said_and_once_it_is_back_all_works() {
    let mut server = Server::none();
    let signals = Redis::connect(&server.url()).unwrap();
    let client = Worker::new(Memory::new()).signals(signals.clone()).ready().await.unwrap().client("test");
    let health = client.health().await;
    assert_eq!(health.status(), Status::Degraded);
    let reasons: Vec<_> = health.reasons().collect();
    assert_eq!(reasons, ["what carries signals does not answer (W0071)"]);
    assert_eq!(client.workers().await.unwrap_err().code(), Code::SIGNALS_AWAY);

    for _ in 0..2 {
        server.start();
        assert_eq!(client.health().await.status(), Status::Up);
        assert_eq!(client.workers().await.unwrap(), []);
        server.kill();
        assert_eq!(client.health().await.status(), Status::Degraded);
    }
}

#[tokio::test]
async fn one_who_listens_hears_that_redis_is_gone_and_listens_again() {
    let mut server = Server::none();
    let signals = Redis::connect(&server.url()).unwrap();
    let (tell, mut heard) = mpsc::unbounded_channel();
    let hear = move |told: Cancellation| tell.send(told).unwrap();
    assert_eq!(signals.listen(&hear).await.unwrap_err().code(), Code::SIGNALS_AWAY);

    for _ in 0..2 {
        server.start();
        let told = Cancellation { tenant: Tenant::default(), message: Uuid::now_v7() };
        let until_heard = async {
            while heard.try_recv().ok().as_ref() != Some(&told) {
                signals.cancel(&told).await.unwrap();
            }
            server.kill();
            std::future::pending::<()>().await;
        };
        let ended = tokio::select! {
            ended = signals.listen(&hear) => ended,
            () = until_heard => unreachable!(),
        };
        assert_eq!(ended.unwrap_err().code(), Code::SIGNALS_AWAY);
    }
}

#[tokio::test]
async fn a_redis_that_lets_in_and_says_nothing_is_away() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let signals = Redis::options(&url).unwrap().answer_timeout(Duration::from_millis(50)).connect().unwrap();
    let error = signals.ping().await.unwrap_err();
    assert_eq!(error.code(), Code::SIGNALS_AWAY);
    assert!(error.chain().contains("did not answer within 50ms"), "{}", error.chain());
}

#[test]
fn what_is_no_address_is_refused_in_one_line_that_keeps_the_password() {
    for address in ["localhost:6379", "amqp://host", "redis://:sesame@host:port", "rediss://:sesame@host", ""] {
        let error = Redis::connect(address).unwrap_err();
        assert_eq!(error.code(), Code::SIGNALS_AWAY, "{address}");
        let line = error.to_string();
        assert!(!line.contains("sesame") && !line.contains('\n'), "{line}");
        assert!(line.contains("cannot read the address of Redis"), "{line}");
    }
    assert_eq!(Redis::options(&url()).unwrap().prefix("").connect().unwrap_err().code(), Code::LIMIT_INVALID);
}
