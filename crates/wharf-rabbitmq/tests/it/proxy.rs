//! A way to the broker that can be cut, and on which the broker's confirms become refusals.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// The size and the method of a `basic.ack`, and of a `basic.nack`, which has the same form:
/// https://www.rabbitmq.com/amqp-0-9-1-reference
const ACK: [u8; 8] = [0, 0, 0, 13, 0, 60, 0, 80];
const NACK: [u8; 8] = [0, 0, 0, 13, 0, 60, 0, 120];

pub(crate) struct Proxy {
    port: u16,
    cuts: watch::Sender<u64>,
    closed: Arc<AtomicBool>,
    /// So many confirms are still to become refusals.
    to_refuse: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// To the host and port of this address.
    pub(crate) async fn to(target: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cuts, closed) = (watch::Sender::new(0), Arc::new(AtomicBool::new(false)));
        let to_refuse = Arc::new(AtomicUsize::new(0));
        let (heard, is_closed, refuses) = (cuts.clone(), Arc::clone(&closed), Arc::clone(&to_refuse));
        let accepting = tokio::spawn(async move {
            loop {
                let (here, _) = listener.accept().await.unwrap();
                if is_closed.load(Ordering::Relaxed) {
                    continue;
                }
                let (target, mut cut, refuses) = (target.clone(), heard.subscribe(), Arc::clone(&refuses));
                tokio::spawn(async move {
                    let there = TcpStream::connect(target).await.unwrap();
                    tokio::select! {
                        _ = carry(here, there, &refuses) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { port, cuts, closed, to_refuse, accepting }
    }

    /// Makes refusals of the next confirms, so many.
    pub(crate) fn refuse(&self, confirms: usize) {
        self.to_refuse.store(confirms, Ordering::Relaxed);
    }

    /// How many confirms are still to become refusals.
    pub(crate) fn to_refuse(&self) -> usize {
        self.to_refuse.load(Ordering::Relaxed)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Ends every connection at once.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Ends every connection, and lets no new one through.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.cut();
    }

    pub(crate) fn open(&self) {
        self.closed.store(false, Ordering::Relaxed);
    }
}

async fn carry(mut here: TcpStream, mut there: TcpStream, refuses: &AtomicUsize) -> io::Result<()> {
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
            refuse(&mut read[..length], refuses);
            to_here.write_all(&read[..length]).await?;
        }
    };
    tokio::try_join!(asked, answered).map(drop)
}

fn refuse(answers: &mut [u8], refuses: &AtomicUsize) {
    while let Some(place) = answers.windows(ACK.len()).position(|window| window == ACK) {
        if refuses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
            return;
        }
        answers[place..place + NACK.len()].copy_from_slice(&NACK);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
