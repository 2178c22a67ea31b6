//! A way to a server that can be cut, stalled and slowed.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use anyhow::Result;

/// What each read waits when the way is slow.
const SLOW_BY: Duration = Duration::from_millis(50);
const BUFFER_SIZE_BYTES: usize = 16 * 1024;

/// Listens on loopback for as long as the program runs.
pub(super) struct Proxy {
    port: u16,
    flow: Arc<Flow>,
}

/// How well it flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    Free,
    Slow,
    Stalled,
}

struct Flow {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    pace: Pace,
    /// Both ends of every connection, by its number.
    open: HashMap<u64, [TcpStream; 2]>,
    last: u64,
}

impl Proxy {
    /// To this port of loopback.
    pub(super) fn to(target: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let state = State { pace: Pace::Free, open: HashMap::new(), last: 0 };
        let flow = Arc::new(Flow { state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Arc::clone(&flow);
        thread::spawn(move || {
            for here in listener.incoming().flatten() {
                // A server that is away refuses whoever comes, and so do we.
                let there = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, target)));
                if let Some(there) = there.ok().filter(|there| !is_itself(there)) {
                    let _ = accepting.join(here, there);
                }
            }
        });
        Ok(Self { port, flow })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn set(&self, pace: Pace) {
        self.flow.lock().pace = pace;
        self.flow.changed.notify_all();
    }

    /// Ends every connection there is.
    pub(super) fn cut(&self) {
        for (_, ends) in self.flow.lock().open.drain() {
            shut(&ends);
        }
    }
}

impl Flow {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(self: &Arc<Self>, here: TcpStream, there: TcpStream) -> Result<()> {
        for end in [&here, &there] {
            end.set_nodelay(true)?;
        }
        let mut state = self.lock();
        state.last += 1;
        let number = state.last;
        state.open.insert(number, [here.try_clone()?, there.try_clone()?]);
        drop(state);
        for (from, to) in [(here.try_clone()?, there.try_clone()?), (there, here)] {
            let flow = Arc::clone(self);
            thread::spawn(move || {
                flow.carry(from, to);
                if let Some(ends) = flow.lock().open.remove(&number) {
                    shut(&ends);
                }
            });
        }
        Ok(())
    }

    /// Until one of the two ends.
    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; BUFFER_SIZE_BYTES];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            self.pass();
            if to.write_all(&buffer[..length]).is_err() {
                return;
            }
        }
    }

    /// Waits as long as the pace has it.
    fn pass(&self) {
        let mut state = self.lock();
        while state.pace == Pace::Stalled {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.pace == Pace::Slow {
            drop(state);
            thread::sleep(SLOW_BY);
        }
    }
}

/// Who connects to a port of this machine that nobody listens on may be given that very port to connect from, and then
/// talks to himself.
fn is_itself(stream: &TcpStream) -> bool {
    matches!((stream.local_addr(), stream.peer_addr()), (Ok(here), Ok(there)) if here == there)
}

/// One that has ended already does not mind.
fn shut(ends: &[TcpStream; 2]) {
    for end in ends {
        let _ = end.shutdown(Shutdown::Both);
    }
}
