//! When to stop: SIGTERM or SIGINT asks for a graceful end, a second one ends at once.

use tokio::sync::watch;

/// Resolves once a stop was asked for. Cheap to clone; all clones resolve together.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system does not let us listen for signals.
    pub(crate) fn on_signals() -> std::io::Result<Self> {
        let mut signals = Signals::listen()?;
        let (tell, told) = watch::channel(false);
        tokio::spawn(async move {
            signals.next().await;
            tracing::info!("stopping; ask again to stop at once");
            let _ = tell.send(true);
            signals.next().await;
            end_at_once();
        });
        Ok(Self(told))
    }

    /// Resolves once a stop was asked for.
    pub(crate) async fn asked(mut self) {
        // A sender that is gone cannot ask any more, which is as good as having asked.
        let _ = self.0.wait_for(|asked| *asked).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "whoever asks twice does not want to wait for destructors")]
fn end_at_once() -> ! {
    std::process::exit(i32::from(crate::exit::FOUND_WRONG))
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
