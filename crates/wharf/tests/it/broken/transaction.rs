//! Transactions and the history of jobs, with the flaws that an engine may have there.

use super::*;

#[async_trait]
impl History for Broken {
    async fn report(&self, reports: &[(Lease, Report)]) -> Result<Vec<bool>, Error> {
        let mut reports = reports.to_vec();
        for (lease, report) in &mut reports {
            if self.has(Flaw::NumbersLinesAnew) {
                report.lines.iter_mut().for_each(|line| line.id = Uuid::now_v7());
            }
            if self.has(Flaw::LetsAnyoneTellOfARun) {
                *lease = self.newest(*lease);
            }
        }
        if self.has(Flaw::TellsAllOrNothing) && self.memory.history().report(&reports[1..]).await?.contains(&false) {
            return Ok(vec![false; reports.len()]);
        }
        self.memory.history().report(&reports).await
    }

    async fn active(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, Error> {
        self.memory.history().active(filter).await
    }

    async fn ended(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, Error> {
        self.memory.history().ended(filter).await
    }

    async fn lines(&self, tenant: &Tenant, run: Uuid, after: Option<Uuid>, max: u32) -> Result<Vec<LogLine>, Error> {
        self.memory.history().lines(tenant, run, after, max).await
    }
}

pub(super) struct BrokenTransaction {
    pub(super) inner: Box<dyn Transaction>,
    pub(super) engine: Broken,
}

#[async_trait]
impl Transaction for BrokenTransaction {
    async fn saga(&mut self, id: &SagaId) -> Result<Option<SagaRow>, Error> {
        self.inner.saga(id).await
    }

    async fn save_saga(&mut self, row: &SagaRow) -> Result<(), Error> {
        if self.engine.has(Flaw::PrunesTheUnfinished) {
            return self.inner.save_saga(&SagaRow { finished: true, ..row.clone() }).await;
        }
        let saved = self.inner.save_saga(row).await;
        if self.engine.has(Flaw::OverwritesSagas) { Ok(()) } else { saved }
    }

    async fn arm(&mut self, timer: &TimerArm) -> Result<(), Error> {
        let mut timer = timer.clone();
        timer.takes_turns &= !self.engine.has(Flaw::FiresTimersOutOfTurn);
        self.inner.arm(&timer).await
    }

    async fn disarm(&mut self, id: &SagaId, name: &str) -> Result<Option<i64>, Error> {
        self.inner.disarm(id, name).await
    }

    async fn timer(&mut self, id: &SagaId, name: &str) -> Result<Option<i64>, Error> {
        self.inner.timer(id, name).await
    }

    async fn note(&mut self, receipts: &[Receipt]) -> Result<Vec<bool>, Error> {
        match self.engine.has(Flaw::SkipsTheInbox) {
            true => Ok(vec![true; receipts.len()]),
            false => self.inner.note(receipts).await,
        }
    }

    async fn bury(&mut self, burials: &[Burial]) -> Result<(), Error> {
        self.inner.bury(burials).await
    }

    async fn report(&mut self, lease: Lease, report: &Report) -> Result<(), Error> {
        self.inner.report(lease, report).await
    }

    async fn settle(self: Box<Self>, lease: Lease, outgoing: &[Outgoing]) -> Result<bool, Error> {
        let Self { inner, engine } = *self;
        let done = |lease| [Settlement::new(lease, Outcome::Done)];
        if engine.has(Flaw::CommitsWithoutSettling) {
            inner.commit(outgoing).await?;
            return Ok(true);
        }
        if engine.has(Flaw::SettlesWithoutCommitting) {
            inner.rollback().await?;
            return Ok(engine.memory.settle(&done(lease)).await? == [true]);
        }
        if engine.has(Flaw::CommitsThenSettles) {
            inner.commit(outgoing).await?;
            return Ok(engine.memory.settle(&done(lease)).await? == [true]);
        }
        let lease = if engine.has(Flaw::IgnoresTheEpoch) { engine.newest(lease) } else { lease };
        inner.settle(lease, outgoing).await
    }

    async fn commit(self: Box<Self>, outgoing: &[Outgoing]) -> Result<(), Error> {
        self.inner.commit(outgoing).await
    }

    async fn rollback(self: Box<Self>) -> Result<(), Error> {
        self.inner.rollback().await
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self.inner.as_any()
    }
}
