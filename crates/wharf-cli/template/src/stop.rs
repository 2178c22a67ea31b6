//! When to stop: at Ctrl-C, or at the SIGTERM that a service manager sends.

use std::io;

use tokio::signal::ctrl_c;

/// Listens from now on; resolves at the first request.
#[cfg(unix)]
pub fn requests() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Listens from now on; resolves at the first request.
#[cfg(not(unix))]
pub fn requests() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(ctrl_c().await) })
}
