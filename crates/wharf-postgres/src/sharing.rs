//! Commits that deliveries share, where [`share_commits`](crate::PostgresOptions::share_commits) asks for it.
//!
//! Who ends its transaction while others wait for a connection does not commit: it hands the connection on, transaction
//! and all, and the next works in a savepoint of its own. The last one settles all of them with one statement, which must
//! find every delivery still held, and commits; only then is anybody told. Nobody ever waits for others to come.
//!
//! A member that fails is rolled back to its savepoint, and those before it are committed at once, for they may hold the
//! very rows it failed over. When the group as a whole fails, everybody is run again with a commit of its own, at no
//! cost: then whose fault it was will show, and only there. What a lost connection leaves in doubt, whether the COMMIT was
//! done, shows there too: its delivery is no longer there to be settled.

use std::{error::Error as StdError, time::Instant};

use sqlx::{SqlSafeStr, raw_sql};
use tokio::sync::oneshot;
use wharf::{
    Code, Error, Outgoing,
    ports::{Lease, Ring, Wakeups},
};

use crate::{
    Postgres,
    error::{failed, is_broken, is_of_failed_transaction, sqlstate},
    lanes::Lane,
    options::ShareCommits,
    send::rings,
    settle::{Settled, settle_group},
    transaction::{COMMIT_GROUP_AND_BEGIN, Mode},
};

/// Ends a member's turn and begins the next one's. It fails when the member's transaction is not as we left it: a
/// statement of it failed, or it was ended and with it the savepoint.
const PASS_ON: &str = "RELEASE SAVEPOINT wharf_member; SAVEPOINT wharf_member";

/// From here on the transaction is wharf's alone. Its last statement has one good plan: by the deliveries' ids.
macro_rules! close {
    () => {
        "CLOSE wharf_guard; SET LOCAL plan_cache_mode = force_generic_plan;
         SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
    };
}

const CLOSE: &str = close!();
const RELEASE_AND_CLOSE: &str = concat!("RELEASE SAVEPOINT wharf_member; ", close!());
const UNDO_AND_CLOSE: &str = concat!("ROLLBACK TO SAVEPOINT wharf_member; ", close!());

/// What a lock that another holds may do to a member: it was waited for in vain (55P03), in a circle (40P01), or what was
/// read has changed meanwhile (40001).
const MET_A_LOCK: [&str; 3] = ["55P03", "40P01", "40001"];

/// Those who share the open transaction of a connection, in their order.
#[derive(Debug, Default)]
pub(crate) struct Group {
    members: Vec<Member>,
    begun_at: Option<Instant>,
}

/// One whose work is done, and not yet committed.
#[derive(Debug)]
pub(crate) struct Member {
    /// `None` for a unit of work outside any delivery.
    pub(crate) lease: Option<Lease>,
    pub(crate) outgoing: Vec<Outgoing>,
    /// Whether the timer task is to be woken after the commit.
    pub(crate) arms: bool,
    /// Hears of the COMMIT; hears nothing, as this is dropped, when there was none.
    told: oneshot::Sender<()>,
}

impl Group {
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether one more may follow the present member.
    fn has_room(&self, share: ShareCommits) -> bool {
        let is_young = self.begun_at.is_none_or(|begun_at| begun_at.elapsed() < share.age_max);
        self.members.len() + 1 < share.members_max && is_young
    }

    fn add(&mut self, lease: Option<Lease>, outgoing: &[Outgoing], arms: bool) -> oneshot::Receiver<()> {
        let (told, hears) = oneshot::channel();
        self.begun_at.get_or_insert_with(Instant::now);
        self.members.push(Member { lease, outgoing: outgoing.to_vec(), arms, told });
        hears
    }
}

/// Ends the turn of a member that succeeded, and waits for the group's commit.
pub(crate) async fn end(
    engine: &Postgres,
    mut lane: Lane,
    lease: Option<Lease>,
    outgoing: &[Outgoing],
    arms: bool,
) -> Result<bool, Error> {
    let pass_on = lane.is_wanted() && lane.group().has_room(engine.share());
    let released = raw_sql(if pass_on { PASS_ON } else { RELEASE_AND_CLOSE }).execute(&mut *lane).await;
    match released {
        Ok(_) => {}
        Err(error) if is_of_failed_transaction(&error) => {
            leave(engine, lane).await?;
            return Err(failed("settle the delivery", error));
        }
        // The others hear of these as the connection is dropped.
        Err(error) if is_broken(&error) => return Err(failed("settle the delivery", error)),
        Err(error) => return Err(lost().caused_by(error)),
    }
    let hears = lane.group().add(lease, outgoing, arms);
    if !pass_on {
        commit(engine, lane).await;
    } else if let Err(mut lane) = lane.hand_on() {
        // Whoever waited no longer does.
        if raw_sql(CLOSE).execute(&mut *lane).await.is_ok() {
            commit(engine, lane).await;
        }
    }
    hears.await.map(|()| true).map_err(|_| {
        Error::new(Code::SHARED_COMMIT_LOST, "the commit was shared with others and failed through no fault of its own")
    })
}

/// Undoes the turn of a member that failed, and commits those before it.
pub(crate) async fn leave(engine: &Postgres, mut lane: Lane) -> Result<(), Error> {
    raw_sql(UNDO_AND_CLOSE).execute(&mut *lane).await.map_err(|error| failed("roll back", error))?;
    commit(engine, lane).await;
    Ok(())
}

/// Settles and commits for all members, then tells them. Says nothing to anybody when that fails.
async fn commit(engine: &Postgres, mut lane: Lane) {
    let members = std::mem::take(lane.group()).members;
    let committed = match settle_group(&mut lane, &members).await {
        Ok(Settled::Ready) => {
            let wanted = lane.is_wanted();
            let commit = match wanted {
                true => lane.begun_by(COMMIT_GROUP_AND_BEGIN),
                false => "COMMIT".into_sql_str(),
            };
            raw_sql(commit).execute(&mut *lane).await.map(|_| wanted).map_err(|error| failed("commit", error))
        }
        Ok(Settled::Stale) => Err(Error::new(Code::STALE_LEASE, "a delivery was no longer ours")),
        Ok(Settled::Lost) => Err(lost()),
        Err(error) => Err(error),
    };
    match committed {
        Ok(wanted) => {
            let arms = members.iter().any(|member| member.arms).then_some(Ring::from(Wakeups::TIMERS));
            engine.committed(members.iter().flat_map(|member| rings(&member.outgoing)).chain(arms));
            // First the connection, then the news: who hears it may be who wants it.
            if wanted {
                lane.give_back_begun(Mode::Shared);
            } else {
                lane.give_back();
            }
            members.into_iter().for_each(|member| {
                let _ = member.told.send(());
            });
        }
        Err(error) => {
            let (members, error) = (members.len(), error.chain());
            tracing::warn!(members, error, "a shared commit failed; its deliveries are run again, each by itself");
        }
    }
}

/// Whether a failure is one that a delivery with a commit of its own would not have had.
pub(crate) fn met_a_lock(failure: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(failure);
    while let Some(error) = cause {
        if let Some(state) = error.downcast_ref().and_then(sqlstate) {
            return MET_A_LOCK.contains(&state.as_str());
        }
        cause = error.source();
    }
    false
}

fn lost() -> Error {
    Error::new(Code::TRANSACTION_LOST, "the transaction was ended by a statement of the handler's own")
}
