//! Dead letters: listed, sent round again, discarded.

use std::collections::BTreeSet;

use serde::Deserialize;
use wharf::{
    Code, DeadLetter, DeadLetterFilter, Error, Timestamp,
    ports::{Cancellation, Round},
};

use crate::{
    deliveries::{Stored, column, document, json, rows, stored},
    engine::Sqlite,
    error::failed,
    history::end_cancelled,
    inbox::key,
    script::Script,
    turn::at_once,
};

/// Makes dead letters of the deliveries whose ids a subquery brings; they are still to be deleted. Binds the code, the
/// reason and the time first.
macro_rules! bury {
    ($($ids:tt)*) => {
        concat!(
            "INSERT INTO wharf_dead_letters (code, reason, died_at, id, tenant, endpoint, attempt, crashes, redrives,
                                             message_id, name, version, kind, key, sent_at, trail, body, rank, expires_at,
                                             turn, place)
             SELECT ?, ?, ?, id, tenant, endpoint, attempt, crashes, redrives, message_id, name, version, kind, key,
                    sent_at, trail, body, rank, expires_at, turn, place
             FROM wharf_deliveries WHERE id IN ",
            $($ids)*
        )
    };
}
pub(crate) use bury;

/// The letters a filter means, oldest first.
macro_rules! matching {
    () => {
        "FROM wharf_dead_letters
         WHERE ($1 IS NULL OR id = $1) AND ($2 IS NULL OR tenant = $2) AND ($3 IS NULL OR endpoint = $3)
           AND ($4 IS NULL OR name = $4) AND ($5 IS NULL OR code = $5) AND ($6 IS NULL OR message_id = $6)
         ORDER BY id LIMIT $7"
    };
}

/// Binds `$1` to `$7` of [`matching`].
fn bind(script: Script, filter: &DeadLetterFilter) -> Script {
    script
        .bind(filter.id)
        .bind(filter.tenant.as_ref().map(|tenant| tenant.as_str()))
        .bind(filter.endpoint.as_deref())
        .bind(filter.name.as_deref())
        .bind(filter.code.as_deref())
        .bind(filter.message.map(|message| message.to_string()))
        .bind(filter.limit_rows())
}

/// Those that match.
pub(crate) async fn list(engine: &Sqlite, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, Error> {
    const DOING: &str = "list dead letters";
    let mut reader = engine.read_pool().acquire().await.map_err(|error| failed(DOING, error))?;
    let ran = bind(Script::new().read(LIST), filter).run(&mut reader).await.map_err(|error| failed(DOING, error))?;
    let document = document(ran.first())?;
    let mut letters: Vec<Letter<'_>> = rows(&document)?;
    letters.sort_unstable_by_key(|letter| letter.id);
    Ok(letters.into_iter().map(Letter::open).collect())
}

const LIST: &str = concat!(
    "SELECT json_group_array(json_array(id, endpoint, code, reason, died_at, ",
    stored!(),
    ")) FROM (SELECT * ",
    matching!(),
    ")"
);

/// A row that [`LIST`] returned.
#[derive(Deserialize)]
struct Letter<'a> {
    id: i64,
    endpoint: String,
    code: String,
    reason: String,
    died_at: Timestamp,
    #[serde(borrow)]
    message: Stored<'a>,
}

impl Letter<'_> {
    fn open(self) -> DeadLetter {
        let Self { id, endpoint, code, reason, died_at, message } = self;
        let (envelope, body) = message.open();
        DeadLetter { id, endpoint, envelope, body, code, reason, died_at }
    }
}

/// How many there are, counted no further than `max`.
pub(crate) async fn count(engine: &Sqlite, max: u64) -> Result<u64, Error> {
    let count = sqlx::query_scalar(COUNT).bind(i64::try_from(max).unwrap_or(i64::MAX)).fetch_one(engine.read_pool());
    let count: i64 = count.await.map_err(|error| failed("count dead letters", error))?;
    Ok(count.unsigned_abs())
}

const COUNT: &str = "SELECT count(*) FROM (SELECT 1 FROM wharf_dead_letters LIMIT ?)";

/// Sends those that match round again.
pub(crate) async fn redrive(engine: &Sqlite, filter: &DeadLetterFilter) -> Result<u64, Error> {
    const DOING: &str = "redrive dead letters";
    // Which bells to ring is known only once the letters are; a turn of its own keeps the two together.
    let mut turn = engine.writer().turn().await?;
    let script = bind(Script::new().write(REVIVE), filter).bind(engine.now().as_micros());
    let script = script.write(REOPEN).write(FORGET_RUNS).write(DISCARD);
    let ran = script.run(turn.connection()?).await.map_err(|error| failed(DOING, error))?;
    let endpoints: BTreeSet<String> =
        ran.iter().flat_map(|ran| &ran.rows).map(|row| column(row, 0)).collect::<Result<_, Error>>()?;
    let bells = endpoints.iter().map(|endpoint| at_once(endpoint)).collect();
    turn.end(DOING, Script::new(), bells).await?.committed()?;
    Ok(ran.first().map_or(0, |revived| revived.changed))
}

/// In its turn it comes before those that were sent with it, though its id is now a later one.
const REVIVE: &str = concat!(
    "INSERT INTO wharf_deliveries (endpoint, not_before, tenant, attempt, crashes, redrives, message_id, name, version,
                                   kind, key, sent_at, trail, body, rank, turn, place)
     SELECT coalesce(redrive_to, endpoint), $8, tenant, 0, 0, redrives + 1, message_id, name, version, kind, key, sent_at,
            trail, body, rank, turn, place - 1 ",
    matching!()
);

/// What the inbox says of them: they will come again.
const REOPEN: &str = concat!(
    "UPDATE wharf_inbox SET ending = 'again'
     WHERE ending = 'dead-lettered' AND (tenant, endpoint, message_id) IN (SELECT tenant, endpoint, message_id ",
    matching!(),
    ")"
);

/// A run that failed is in its queue again, and nowhere else.
const FORGET_RUNS: &str = concat!(
    "DELETE FROM wharf_runs WHERE (tenant, id) IN (
         SELECT tenant, message_id FROM (SELECT tenant, message_id, kind ",
    matching!(),
    ") WHERE kind = 'job')"
);

/// Takes back those whose copies were put back on the transport.
pub(crate) async fn redriven(engine: &Sqlite, rounds: &[Round]) -> Result<(), Error> {
    let keys = json(&rounds.iter().map(key).collect::<Vec<_>>())?;
    let script = Script::new().write(TAKE_BACK).bind(keys.clone()).write(REOPEN_ROUNDS).bind(keys);
    engine.writer().run("take back redriven letters", script, Vec::new()).await?.committed().map(drop)
}

/// Not of a message whose round has ended.
const TAKE_BACK: &str = "
DELETE FROM wharf_dead_letters WHERE (tenant, endpoint, message_id) IN (
    SELECT r.value ->> 0, r.value ->> 1, r.value ->> 2 FROM json_each(?) AS r
    WHERE NOT EXISTS (
        SELECT 1 FROM wharf_inbox AS i
        WHERE i.tenant = r.value ->> 0 AND i.endpoint = r.value ->> 1 AND i.message_id = r.value ->> 2
          AND i.rounds > r.value ->> 3))";

const REOPEN_ROUNDS: &str = "
UPDATE wharf_inbox SET ending = 'again'
FROM json_each(?) AS r
WHERE wharf_inbox.tenant = r.value ->> 0 AND wharf_inbox.endpoint = r.value ->> 1
  AND wharf_inbox.message_id = r.value ->> 2 AND wharf_inbox.rounds <= r.value ->> 3 AND ending = 'dead-lettered'";

/// Deletes those that match.
pub(crate) async fn discard(engine: &Sqlite, filter: &DeadLetterFilter) -> Result<u64, Error> {
    let script = bind(Script::new().write(DISCARD), filter);
    let ran = engine.writer().run("discard dead letters", script, Vec::new()).await?.committed()?;
    Ok(ran.first().map_or(0, |discarded| discarded.changed))
}

const DISCARD: &str = concat!(
    "DELETE FROM wharf_dead_letters WHERE id IN (SELECT id ",
    matching!(),
    ") RETURNING coalesce(redrive_to, endpoint)"
);

/// See [`Store::cancel`](wharf::ports::Store::cancel).
pub(crate) async fn cancel(engine: &Sqlite, cancellation: &Cancellation) -> Result<u64, Error> {
    let (now, code) = (engine.now().as_micros(), Code::CANCELLED);
    let meant =
        |script: Script| script.bind(cancellation.tenant.as_str()).bind(cancellation.message.to_string()).bind(now);
    let why = |script: Script| script.bind(code.to_string()).bind(code.meaning).bind(now);
    let script = meant(why(Script::new().write(BURY_CANCELLED)));
    let script = meant(why(script.write(END_CANCELLED))).write(DELETE_CANCELLED);
    let ran = engine.writer().run("cancel what waits of a message", meant(script), Vec::new()).await?.committed()?;
    Ok(ran.get(2).map_or(0, |gone| gone.changed))
}

/// What nobody works on.
macro_rules! meant {
    () => {
        "(SELECT id FROM wharf_deliveries WHERE tenant = ? AND message_id = ? AND (held = 0 OR not_before <= ?))"
    };
}

const BURY_CANCELLED: &str = bury!(meant!(), " AND kind <> 'job'");

/// A job that nobody wants is nothing to see to.
const END_CANCELLED: &str = end_cancelled!(meant!());

const DELETE_CANCELLED: &str = concat!("DELETE FROM wharf_deliveries WHERE id IN ", meant!());
