//! When to stop: SIGTERM or SIGINT asks for a graceful end, a second one ends at once.

use tokio::sync::watch;

/// Resolves once a stop was asked for. Cheap to clone; all clones resolve together.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<Asked>);

/// How often it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Never,
    Once,
    Again,
}

impl Stop {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system does not let us listen for signals.
    pub(crate) fn on_signals() -> std::io::Result<Self> {
        let mut signals = Signals::listen()?;
        let (tell, told) = watch::channel(Asked::Never);
        tokio::spawn(async move {
            signals.next().await;
            tracing::info!("stopping; ask again to stop at once");
            let _ = tell.send(Asked::Once);
            signals.next().await;
            let _ = tell.send(Asked::Again);
        });
        Ok(Self(told))
    }

    /// Resolves once a stop was asked for.
    pub(crate) async fn asked(mut self) {
        // A sender that is gone cannot ask any more, which is as good as having asked.
        let _ = self.0.wait_for(|asked| *asked >= Asked::Once).await;
    }

    /// Ends the program once it was asked for a second time, whatever is still under way.
    pub(crate) fn at_once_if_asked_again(&self) {
        let asked_again = self.clone().asked_again();
        tokio::spawn(async move {
            asked_again.await;
            end_at_once();
        });
    }

    /// Resolves once it was asked for a second time, by somebody who does not want to wait.
    pub(crate) async fn asked_again(mut self) {
        if self.0.wait_for(|asked| *asked == Asked::Again).await.is_err() {
            // Whoever is not listened to any more has not asked again.
            std::future::pending::<()>().await;
        }
    }
}

/// Ends the program without waiting for anything that is still under way.
#[expect(clippy::disallowed_methods, reason = "whoever asks twice does not want to wait for destructors")]
pub(crate) fn end_at_once() -> ! {
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
