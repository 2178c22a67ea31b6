//! Schedules, as a person sees and changes them.

use std::sync::Arc;

use uuid::Uuid;

use super::Client;
use crate::{Code, Draft, Error, Firing, StoredSchedule, Tenant, Timetable, Trail, ports::ScheduleChange};

impl Client {
    /// Every schedule: when it is due next and was fired last, how often it was missed, whether it is paused, and who
    /// changed it. [`StoredSchedule::preview`] tells when it will be due.
    ///
    /// # Errors
    /// When the engine does not answer; so for the calls below.
    pub async fn schedules(&self) -> Result<Vec<StoredSchedule>, Error> {
        self.runtime.engine.schedules().await
    }

    /// One schedule.
    ///
    /// # Errors
    /// `W0038` when there is none of this name; so for the calls below.
    pub async fn schedule(&self, tenant: &Tenant, name: &str) -> Result<StoredSchedule, Error> {
        let mut all = self.schedules().await?.into_iter();
        all.find(|one| one.tenant == *tenant && *one.name == *name).ok_or_else(|| unknown(tenant, name))
    }

    /// Lets a schedule rest until it is [resumed](Client::resume_schedule), however often workers start meanwhile.
    ///
    /// # Errors
    /// `W0038` when there is none of this name.
    pub async fn pause_schedule(&self, tenant: &Tenant, name: &str, who: &str) -> Result<StoredSchedule, Error> {
        self.apply(tenant, name, &ScheduleChange::Pause, who).await
    }

    /// Lets a paused schedule go on, from its next due time. What came due meanwhile is neither made up for nor counted as
    /// missed, whatever its [`Misfire`](crate::Misfire); for a [`Timetable::once`] that may have been all.
    ///
    /// # Errors
    /// `W0038` when there is none of this name.
    pub async fn resume_schedule(&self, tenant: &Tenant, name: &str, who: &str) -> Result<StoredSchedule, Error> {
        self.apply(tenant, name, &ScheduleChange::Resume, who).await
    }

    /// Gives a schedule another timetable than its module declares. That is kept when workers start, and told by a warning,
    /// until it is [reset](Client::reset_schedule).
    ///
    /// # Errors
    /// `W0038` when there is none of this name.
    pub async fn change_schedule(
        &self,
        tenant: &Tenant,
        name: &str,
        timetable: Timetable,
        who: &str,
    ) -> Result<StoredSchedule, Error> {
        self.apply(tenant, name, &ScheduleChange::Times(timetable), who).await
    }

    /// Gives a schedule back the timetable that its module declares.
    ///
    /// # Errors
    /// `W0038` when there is none of this name.
    pub async fn reset_schedule(&self, tenant: &Tenant, name: &str, who: &str) -> Result<StoredSchedule, Error> {
        self.apply(tenant, name, &ScheduleChange::Reset, who).await
    }

    /// Sends a schedule's message now, paused or not; when it is due next stays as it is. No module is needed for it in this
    /// process. Returns the id under which the message travels.
    ///
    /// ```
    /// # use wharf::{Client, Error, Tenant};
    /// # async fn example(client: &Client) -> Result<(), Error> {
    /// client.trigger_schedule(&Tenant::default(), "nightly", "jane").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `W0038` when there is none of this name; those of [`Client::send`].
    pub async fn trigger_schedule(&self, tenant: &Tenant, name: &str, who: &str) -> Result<Uuid, Error> {
        let draft = self.draft(tenant, name).await?;
        self.trigger(tenant, name, &draft, who).await
    }

    /// As [`Client::trigger_schedule`], with another body, such as other arguments. The message keeps its key. Those of a job
    /// are checked as [`Draft::of_job`] says.
    ///
    /// # Errors
    /// Those of [`Client::trigger_schedule`].
    pub async fn trigger_schedule_with(
        &self,
        tenant: &Tenant,
        name: &str,
        body: &serde_json::Value,
        who: &str,
    ) -> Result<Uuid, Error> {
        let body = Ok(Arc::from(body.to_string()));
        let draft = Draft { body, by_name: true, ..self.draft(tenant, name).await? };
        self.trigger(tenant, name, &draft, who).await
    }

    async fn draft(&self, tenant: &Tenant, name: &str) -> Result<Draft, Error> {
        self.schedule(tenant, name).await?.draft.ok_or_else(|| {
            let message =
                format!("what the schedule `{name}` sends is known once a worker that declares it has started");
            Error::new(Code::SCHEDULE_UNKNOWN, message)
        })
    }

    async fn trigger(&self, tenant: &Tenant, name: &str, draft: &Draft, who: &str) -> Result<Uuid, Error> {
        let firing = Some(Firing { schedule: Arc::from(name), due_at: None });
        let trail = Trail { actor: Some(Arc::from(who)), firing, ..Trail::begin(Arc::clone(&self.source)) };
        let (work, id) = (self.begin_on(tenant, trail)?, Uuid::now_v7());
        work.bus.post_as(id, draft);
        work.commit().await?;
        Ok(id)
    }

    async fn apply(
        &self,
        tenant: &Tenant,
        name: &str,
        change: &ScheduleChange,
        who: &str,
    ) -> Result<StoredSchedule, Error> {
        let changed = self.runtime.engine.change_schedule(tenant, name, change, who).await?;
        changed.ok_or_else(|| unknown(tenant, name))
    }
}

fn unknown(tenant: &Tenant, name: &str) -> Error {
    Error::new(Code::SCHEDULE_UNKNOWN, format!("tenant `{tenant}` has no schedule `{name}`"))
}
