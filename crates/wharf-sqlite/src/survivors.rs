//! Messages from another transport whose last holder was lost: that they are claimed alone, and how often they were lost so.

use wharf::{Error, ports::Round};

use crate::{
    deliveries::{column, json},
    engine::Sqlite,
    inbox::key,
    script::Script,
};

/// See [`Store::hold_alone`](wharf::ports::Store::hold_alone).
pub(crate) async fn hold_alone(engine: &Sqlite, round: &Round) -> Result<u32, Error> {
    let script = Script::new().write(HOLD_ALONE).bind(json(&key(round))?).bind(engine.now().as_micros());
    let ran = engine.writer().run("hold a survivor", script, Vec::new()).await?.committed()?;
    ran.iter().flat_map(|ran| &ran.rows).next().map_or(Ok(0), |row| column(row, 0))
}

/// Whoever finds it held still was lost with it. `WHERE true`: without it SQLite takes ON for a part of the join.
const HOLD_ALONE: &str = "
INSERT INTO wharf_survivors (tenant, endpoint, message_id, round, crashes, held, claimed_at)
SELECT $1 ->> 0, $1 ->> 1, $1 ->> 2, $1 ->> 3, 0, 1, $2 WHERE true
ON CONFLICT DO UPDATE SET crashes = iif(round = excluded.round, crashes + held, 0), round = excluded.round, held = 1,
                          claimed_at = excluded.claimed_at
RETURNING crashes";

/// See [`Store::let_go`](wharf::ports::Store::let_go).
pub(crate) async fn let_go(engine: &Sqlite, rounds: &[Round]) -> Result<(), Error> {
    let keys = json(&rounds.iter().map(key).collect::<Vec<_>>())?;
    let script = Script::new().write(FORGET_THE_UNBLAMED).bind(keys.clone()).write(LET_GO).bind(keys);
    engine.writer().run("let go of survivors", script, Vec::new()).await?.committed().map(drop)
}

macro_rules! theirs {
    () => {
        "(tenant, endpoint, message_id) IN (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?))"
    };
}

const FORGET_THE_UNBLAMED: &str = concat!("DELETE FROM wharf_survivors WHERE crashes = 0 AND ", theirs!());

const LET_GO: &str = concat!("UPDATE wharf_survivors SET held = 0 WHERE ", theirs!());

/// Of those that were not claimed alone since then, so many.
pub(crate) const PRUNE: &str = "
DELETE FROM wharf_survivors WHERE (tenant, endpoint, message_id) IN (
    SELECT tenant, endpoint, message_id FROM wharf_survivors WHERE claimed_at < ? LIMIT ?)";
