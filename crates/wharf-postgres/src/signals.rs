//! The port for what is fleeting, on PostgreSQL: heartbeats are rows that are not logged, cancellations are told by
//! `NOTIFY`, in transactions of their own.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;
use wharf::{
    Error, Heartbeat, micros,
    ports::{Cancellation, Hear, Signals, Store},
};

use crate::{Postgres, error::failed};

/// The channel on which cancellations are told; the payload is one, as JSON.
pub(crate) const CHANNEL: &str = "wharf_cancellations";

/// With what is no longer believed, as nobody else would clear it away. One that another worker is just clearing is passed
/// over.
const BEAT: &str = "
    WITH clock AS MATERIALIZED (SELECT wharf.wharf_now() AS now),
    silent AS (
        DELETE FROM wharf.workers WHERE worker = ANY(ARRAY(
            SELECT worker FROM wharf.workers WHERE believed_until <= (SELECT now FROM clock) AND worker <> $1
            FOR UPDATE SKIP LOCKED)))
    INSERT INTO wharf.workers (worker, believed_until, heartbeat) SELECT $1, now + $2, $3 FROM clock
    ON CONFLICT (worker) DO UPDATE SET believed_until = excluded.believed_until, heartbeat = excluded.heartbeat";

const LEAVE: &str = "DELETE FROM wharf.workers WHERE worker = $1";

const BELIEVED: &str = "SELECT heartbeat FROM wharf.workers WHERE believed_until > (SELECT wharf.wharf_now())";

const TELL: &str = "SELECT pg_notify('wharf_cancellations', $1)";

/// An engine as what carries signals: a type of its own, as both ports have something to listen to.
#[derive(Debug)]
pub(crate) struct PostgresSignals(pub(crate) Postgres);

#[async_trait]
impl Signals for PostgresSignals {
    async fn beat(&self, beat: &Heartbeat, believed_for: Duration) -> Result<(), Error> {
        let mut lane = self.0.post().take().await?;
        let told = sqlx::query(BEAT)
            .bind(beat.worker)
            .bind(micros(believed_for))
            .bind(beat.to_json()?)
            .execute(&mut *lane)
            .await;
        lane.done(told).await.map(drop).map_err(|error| failed("tell that a worker is alive", error))
    }

    async fn leave(&self, worker: Uuid) -> Result<(), Error> {
        let mut lane = self.0.post().take().await?;
        let told = sqlx::query(LEAVE).bind(worker).execute(&mut *lane).await;
        lane.done(told).await.map(drop).map_err(|error| failed("tell that a worker has ended", error))
    }

    async fn workers(&self) -> Result<Vec<Heartbeat>, Error> {
        let told: Vec<String> = sqlx::query_scalar(BELIEVED)
            .fetch_all(self.0.pool())
            .await
            .map_err(|error| failed("read who is at work", error))?;
        Ok(Heartbeat::read_all(told))
    }

    async fn cancel(&self, cancellation: &Cancellation) -> Result<(), Error> {
        // Here first, where nobody might listen to the server.
        self.0.heard().cancel(cancellation).await?;
        let mut lane = self.0.post().take().await?;
        let told = sqlx::query(TELL).bind(cancellation.to_json()?).execute(&mut *lane).await;
        lane.done(told).await.map(drop).map_err(|error| failed("tell of a cancellation", error))
    }

    /// What the engine's one listener hears, and what is told in this process.
    async fn listen(&self, hear: &Hear) -> Result<(), Error> {
        self.0.heard().listen(hear).await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.0.ping().await
    }
}

/// Tells this process of what another has told on our channel.
pub(crate) async fn pass_on(engine: &Postgres, payload: &str) -> Result<(), Error> {
    match Cancellation::read(payload) {
        Some(cancellation) => engine.heard().cancel(&cancellation).await,
        None => Ok(()),
    }
}
