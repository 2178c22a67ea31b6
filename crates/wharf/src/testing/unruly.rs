//! A transport with the habits that real ones have: it delivers twice, forgets acknowledgements, loses its connection,
//! is away for an hour, refuses a message.

use std::{
    collections::HashSet,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    Code, Depth, Error, Outgoing,
    ports::{Claim, Claimed, Lease, Outcome, Settlement, Subscription, Transport, Wakeups},
};

/// A transport that keeps no more than any transport must. Clones are the same one.
///
/// ```
/// # use wharf::{Memory, testing::{ManualClock, Unruly}};
/// # let clock = ManualClock::new();
/// let transport = Unruly::new(Memory::with_clock(clock.clone())).delivering_twice();
/// ```
#[derive(Clone)]
pub struct Unruly<T> {
    inner: T,
    state: Arc<State>,
    delivers_twice: bool,
    forgets_acknowledgements: bool,
    /// Says of nothing that it was lost while it was claimed alone.
    forgets_crashes: bool,
    copies_letters: bool,
    /// Messages of this name are not taken.
    refused: Option<&'static str>,
}

#[derive(Default)]
struct State {
    away: AtomicBool,
    /// How often it was asked to carry something while it was away.
    asked_in_vain: AtomicU64,
    held: Mutex<HashSet<Lease>>,
    /// Rows whose first acknowledgement was forgotten.
    forgotten: Mutex<HashSet<i64>>,
}

impl<T: Transport> Unruly<T> {
    /// A transport without bad habits.
    pub fn new(inner: T) -> Self {
        Self {
            inner,
            state: Arc::default(),
            delivers_twice: false,
            forgets_acknowledgements: false,
            forgets_crashes: false,
            copies_letters: false,
            refused: None,
        }
    }

    /// Delivers each message twice.
    #[must_use]
    pub fn delivering_twice(mut self) -> Self {
        self.delivers_twice = true;
        self
    }

    /// Forgets the first acknowledgement of each delivery, having said that it took it.
    #[must_use]
    pub fn forgetting_acknowledgements(mut self) -> Self {
        self.forgets_acknowledgements = true;
        self
    }

    /// Counts no crashes: it tells who was lost, but not who was claimed alone, as one that keeps its counts in a process
    /// that dies.
    #[must_use]
    pub fn forgetting_crashes(mut self) -> Self {
        self.forgets_crashes = true;
        self
    }

    /// Keeps copies of dead letters, where [`Unruly::copies_of`] says.
    #[must_use]
    pub fn copying_letters(mut self) -> Self {
        self.copies_letters = true;
        self
    }

    /// The endpoint at which copies of an endpoint's dead letters wait, and nobody consumes them.
    pub fn copies_of(endpoint: &str) -> Arc<str> {
        format!("{endpoint}.copies").into()
    }

    /// Does not take messages of this name, with `W0018`.
    #[must_use]
    pub fn refusing(mut self, name: &'static str) -> Self {
        self.refused = Some(name);
        self
    }

    /// From here on it does not answer.
    pub fn leave(&self) {
        self.state.away.store(true, Ordering::Relaxed);
    }

    /// From here on it answers again.
    pub fn come_back(&self) {
        self.state.away.store(false, Ordering::Relaxed);
    }

    /// How often it was asked to carry something while it was away.
    pub fn asked_in_vain(&self) -> u64 {
        self.state.asked_in_vain.load(Ordering::Relaxed)
    }

    /// Loses its connection: whatever is held is delivered again, and whoever held it can no longer settle.
    ///
    /// # Errors
    /// When the inner transport does not answer.
    pub async fn lose_connection(&self) -> Result<(), Error> {
        let held: Vec<_> = self.held().drain().collect();
        let back = |lease| {
            let outcome = Outcome::Return { delay: Duration::ZERO };
            Settlement::new(lease, outcome)
        };
        self.inner.settle(&held.into_iter().map(back).collect::<Vec<_>>()).await.map(drop)
    }

    fn held(&self) -> MutexGuard<'_, HashSet<Lease>> {
        self.state.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self) -> Result<(), Error> {
        match self.state.away.load(Ordering::Relaxed) {
            true => Err(Error::new(Code::ENGINE_UNREACHABLE, "the transport is away")),
            false => Ok(()),
        }
    }

    /// Whether this acknowledgement is the first of its delivery, and is to be forgotten.
    fn forgets(&self, settlement: &Settlement) -> bool {
        let mut forgotten = self.state.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        self.forgets_acknowledgements && settlement.outcome == Outcome::Done && forgotten.insert(settlement.lease.id)
    }
}

#[async_trait]
impl<T: Transport> Transport for Unruly<T> {
    async fn claim(&self, claim: &Claim<'_>) -> Result<Claimed, Error> {
        self.answer()?;
        let mut claimed = self.inner.claim(claim).await?;
        if self.forgets_crashes {
            claimed.deliveries.iter_mut().for_each(|delivery| delivery.envelope.crashes = 0);
        }
        self.held().extend(claimed.deliveries.iter().map(|delivery| delivery.lease));
        Ok(claimed)
    }

    async fn settle(&self, batch: &[Settlement]) -> Result<Vec<bool>, Error> {
        self.answer()?;
        let kept: Vec<_> = batch.iter().filter(|settlement| !self.forgets(settlement)).cloned().collect();
        let mut ours = self.inner.settle(&kept).await?.into_iter();
        let mut kept = kept.iter().map(|settlement| settlement.lease).peekable();
        let answers = batch.iter().map(|settlement| {
            self.held().remove(&settlement.lease);
            match kept.next_if_eq(&settlement.lease) {
                Some(_) => ours.next().unwrap_or(false),
                None => true,
            }
        });
        Ok(answers.collect())
    }

    async fn renew(&self, leases: &[Lease], length: Duration) -> Result<Vec<Lease>, Error> {
        self.answer()?;
        self.inner.renew(leases, length).await
    }

    async fn send(&self, batch: &[Outgoing]) -> Result<(), Error> {
        if let Err(error) = self.answer() {
            self.state.asked_in_vain.fetch_add(1, Ordering::Relaxed);
            return Err(error);
        }
        if let Some(one) = batch.iter().find(|one| Some(&*one.envelope.name) == self.refused) {
            let message = format!("`{}` is not carried", one.envelope.name);
            return Err(Error::new(Code::ENGINE_FAILED, message));
        }
        self.inner.send(batch).await?;
        if self.delivers_twice {
            self.inner.send(batch).await?;
        }
        Ok(())
    }

    fn copies_letters(&self) -> bool {
        self.copies_letters
    }

    async fn copy_letter(&self, letter: &Outgoing) -> Result<(), Error> {
        self.answer()?;
        self.inner.send(&[Outgoing { endpoint: Self::copies_of(&letter.endpoint), ..letter.clone() }]).await
    }

    async fn depth(&self) -> Result<Vec<Depth>, Error> {
        self.answer()?;
        self.inner.depth().await
    }

    fn prepare(&self, consumed: &[Subscription]) {
        self.inner.prepare(consumed);
    }

    fn know(&self, subscriptions: &[Subscription]) {
        self.inner.know(subscriptions);
    }

    fn wakeups(&self) -> &Wakeups {
        self.inner.wakeups()
    }

    async fn listen(&self) -> Result<(), Error> {
        self.inner.listen().await
    }
}

impl<T: fmt::Debug> fmt::Debug for Unruly<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unruly").field("inner", &self.inner).finish_non_exhaustive()
    }
}
