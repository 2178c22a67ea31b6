//! A way to the broker that can be cut.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

pub(crate) struct Proxy {
    port: u16,
    cuts: watch::Sender<u64>,
    closed: Arc<AtomicBool>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// To the host and port of this address.
    pub(crate) async fn to(target: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cuts, closed) = (watch::Sender::new(0), Arc::new(AtomicBool::new(false)));
        let (heard, is_closed) = (cuts.clone(), Arc::clone(&closed));
        let accepting = tokio::spawn(async move {
            loop {
                let (mut here, _) = listener.accept().await.unwrap();
                if is_closed.load(Ordering::Relaxed) {
                    continue;
                }
                let (target, mut cut) = (target.clone(), heard.subscribe());
                tokio::spawn(async move {
                    let mut there = TcpStream::connect(target).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut here, &mut there) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { port, cuts, closed, accepting }
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

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
