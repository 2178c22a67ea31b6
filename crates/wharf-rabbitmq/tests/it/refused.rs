//! What the broker does not take: at once, as a queue may in the moment in which it is declared, or for good.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};
use wharf::{Code, ports::Transport};
use wharf_rabbitmq::RabbitMq;

use crate::{broker, leases::message};

/// The size and the method of a `basic.ack`, and of a `basic.nack`, which has the same form:
/// https://www.rabbitmq.com/amqp-0-9-1-reference
const ACK: [u8; 8] = [0, 0, 0, 13, 0, 60, 0, 80];
const NACK: [u8; 8] = [0, 0, 0, 13, 0, 60, 0, 120];

/// How many of the broker's confirms are still to become refusals, on the way to a transport.
type ToRefuse = Arc<AtomicUsize>;

async fn refused_on_the_way() -> (RabbitMq, ToRefuse) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let to_refuse = ToRefuse::default();
    let refuses = Arc::clone(&to_refuse);
    tokio::spawn(async move {
        while let Ok((here, _)) = listener.accept().await {
            tokio::spawn(carry(here, Arc::clone(&refuses)));
        }
    });
    let url = broker::url().replace(&broker::address(), &format!("127.0.0.1:{port}"));
    let transport = RabbitMq::options(&url).unwrap().prefix(&broker::prefix()).connect().await.unwrap();
    (transport, to_refuse)
}

async fn carry(mut here: TcpStream, to_refuse: ToRefuse) -> io::Result<()> {
    let mut there = TcpStream::connect(broker::address()).await?;
    let ((mut from_here, mut to_here), (mut from_there, mut to_there)) = (here.split(), there.split());
    let asked = async {
        copy(&mut from_here, &mut to_there).await?;
        to_there.shutdown().await
    };
    let answered = async {
        let mut read = [0; 16 * 1024];
        loop {
            let length = from_there.read(&mut read).await?;
            if length == 0 {
                return to_here.shutdown().await;
            }
            refuse(&mut read[..length], &to_refuse);
            to_here.write_all(&read[..length]).await?;
        }
    };
    tokio::try_join!(asked, answered).map(drop)
}

fn refuse(answers: &mut [u8], to_refuse: &AtomicUsize) {
    while let Some(place) = answers.windows(ACK.len()).position(|window| window == ACK) {
        if to_refuse.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
            return;
        }
        answers[place..place + NACK.len()].copy_from_slice(&NACK);
    }
}

#[tokio::test]
async fn what_is_refused_in_a_moment_of_change_is_offered_again() {
    let (transport, to_refuse) = refused_on_the_way().await;
    to_refuse.store(2, Ordering::Relaxed);

    transport.send(&[message("a"), message("b")]).await.unwrap();

    assert_eq!(to_refuse.swap(1, Ordering::Relaxed), 0);
    transport.copy_letter(&message("a")).await.unwrap();
    assert_eq!(to_refuse.load(Ordering::Relaxed), 0);
    transport.remove().await.unwrap();
}

#[tokio::test]
async fn what_is_refused_again_and_again_is_told() {
    let (transport, to_refuse) = refused_on_the_way().await;
    to_refuse.store(usize::MAX, Ordering::Relaxed);

    let refused = transport.send(&[message("a")]).await.unwrap_err();

    assert_eq!(refused.code(), Code::ENGINE_UNREACHABLE);
    assert!(refused.to_string().contains("RabbitMQ did not take a message"), "{refused}");
    let refused = transport.copy_letter(&message("a")).await.unwrap_err();
    assert_eq!(refused.code(), Code::ENGINE_FAILED);
    assert!(refused.to_string().contains("hear_error\" is full"), "{refused}");
    to_refuse.store(0, Ordering::Relaxed);
    transport.remove().await.unwrap();
}
