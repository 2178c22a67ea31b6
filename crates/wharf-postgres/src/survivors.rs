//! Messages from another transport whose last holder was lost: that they are claimed alone, and how often they were lost so.

use wharf::{Error, ports::Round};

use crate::{
    Postgres,
    error::failed,
    inbox::{Columns, count},
};

/// Whoever finds it held still was lost with it.
const HOLD_ALONE: &str = "
    INSERT INTO wharf.survivors AS s (tenant, endpoint, message_id, round, crashes, held, claimed_at)
    VALUES ($1, $2, $3, $4, 0, true, (SELECT wharf.wharf_now()))
    ON CONFLICT (tenant, endpoint, message_id) DO UPDATE
    SET round = excluded.round, held = true, claimed_at = excluded.claimed_at,
        crashes = CASE WHEN s.round = excluded.round THEN s.crashes + s.held::int ELSE 0 END
    RETURNING crashes";

const LET_GO: &str = "
    WITH rounds AS MATERIALIZED (
        SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[]) AS r(tenant, endpoint, message_id)),
    unblamed AS (
        DELETE FROM wharf.survivors s USING rounds r
        WHERE s.tenant = r.tenant AND s.endpoint = r.endpoint AND s.message_id = r.message_id AND s.crashes = 0)
    UPDATE wharf.survivors s SET held = false FROM rounds r
    WHERE s.tenant = r.tenant AND s.endpoint = r.endpoint AND s.message_id = r.message_id AND s.crashes > 0";

/// See [`Store::hold_alone`](wharf::ports::Store::hold_alone).
pub(crate) async fn hold_alone(engine: &Postgres, round: &Round) -> Result<u32, Error> {
    let mut lane = engine.post().take().await?;
    let crashes = sqlx::query_scalar(HOLD_ALONE)
        .bind(round.tenant.as_str())
        .bind(&*round.endpoint)
        .bind(round.message)
        .bind(count(round.number))
        .fetch_one(&mut *lane)
        .await;
    let crashes: i32 = lane.done(crashes).await.map_err(|error| failed("hold a survivor", error))?;
    engine.committed([]);
    Ok(crashes.unsigned_abs())
}

/// See [`Store::let_go`](wharf::ports::Store::let_go).
pub(crate) async fn let_go(engine: &Postgres, rounds: &[Round]) -> Result<(), Error> {
    let Columns { tenants, endpoints, messages, .. } = Columns::of(rounds);
    let mut lane = engine.post().take().await?;
    let let_go = sqlx::query(LET_GO).bind(tenants).bind(endpoints).bind(messages).execute(&mut *lane).await;
    lane.done(let_go).await.map_err(|error| failed("let go of survivors", error))?;
    engine.committed([]);
    Ok(())
}
