//! A turn at the one connection that writes.

use std::{sync::Arc, time::Duration};

use sqlx::SqliteConnection;
use tokio::sync::oneshot;
use wharf::{Code, Error};

use crate::script::{Ran, Script};

/// The writer's connection, lent for a while: inside a transaction that others share, within a savepoint that is only
/// this turn's. Dropping it undoes what was done in it.
#[derive(Debug)]
pub(crate) struct Turn {
    lent: Option<Lent>,
}

#[derive(Debug)]
struct Lent {
    connection: SqliteConnection,
    back: oneshot::Sender<Returned>,
}

/// A connection that comes back to the writer, and how the turn ended.
#[derive(Debug)]
pub(crate) struct Returned {
    pub(crate) connection: SqliteConnection,
    pub(crate) how: How,
}

/// How a turn ended.
#[derive(Debug)]
pub(crate) enum How {
    /// To be kept, after these last statements.
    End(Ending),
    /// To be undone; tells once it is.
    Undo(Option<oneshot::Sender<()>>),
}

/// The last statements of a turn, run by the writer, so that nobody's cancellation can cut them short.
#[derive(Debug)]
pub(crate) struct Ending {
    /// What is attempted, for errors: "claim deliveries".
    pub(crate) doing: &'static str,
    pub(crate) script: Script,
    /// Rung once committed.
    pub(crate) bells: Vec<Bell>,
    /// Hears of the end only after the COMMIT.
    pub(crate) told: oneshot::Sender<Result<Ended, Error>>,
}

/// The name of a bell, and how long it is until what it is rung for is due.
pub(crate) type Bell = (Arc<str>, Duration);

/// A bell rung for what is due at once.
pub(crate) fn at_once(endpoint: &str) -> Bell {
    (Arc::from(endpoint), Duration::ZERO)
}

/// What became of a turn.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It is durable. What the last statements returned.
    Committed(Vec<Ran>),
    /// A statement did not change the rows it had to; all of the turn was undone.
    Stale,
}

impl Ended {
    /// What the statements returned, for a turn that cannot be stale.
    pub(crate) fn committed(self) -> Result<Vec<Ran>, Error> {
        match self {
            Self::Committed(ran) => Ok(ran),
            Self::Stale => Err(Error::new(Code::ENGINE_FAILED, "a statement did not change every row it was given")),
        }
    }
}

impl Turn {
    /// Lends the connection; it comes back through the receiver, whatever happens.
    pub(crate) fn lend(connection: SqliteConnection) -> (Self, oneshot::Receiver<Returned>) {
        let (back, returned) = oneshot::channel();
        (Self { lent: Some(Lent { connection, back }) }, returned)
    }

    /// The connection.
    pub(crate) fn connection(&mut self) -> Result<&mut SqliteConnection, Error> {
        let lent = self.lent.as_mut().ok_or_else(|| Error::new(Code::TRANSACTION_LOST, "this turn has ended"))?;
        Ok(&mut lent.connection)
    }

    /// Runs the last statements and commits. Resolves once that is durable, or undone.
    pub(crate) async fn end(mut self, doing: &'static str, script: Script, bells: Vec<Bell>) -> Result<Ended, Error> {
        let (told, heard) = oneshot::channel();
        self.give_back(How::End(Ending { doing, script, bells, told }));
        heard.await.unwrap_or_else(|_| Err(Error::new(Code::ENGINE_UNREACHABLE, format!("could not {doing}: closed"))))
    }

    /// Undoes everything. Resolves once it is undone.
    pub(crate) async fn undo(mut self) {
        let (told, heard) = oneshot::channel();
        self.give_back(How::Undo(Some(told)));
        // Nobody to tell means that the writer is gone, and the transaction with it.
        let _ = heard.await;
    }

    fn give_back(&mut self, how: How) {
        if let Some(Lent { connection, back }) = self.lent.take() {
            // A writer that is gone has closed; the connection then closes here, which rolls back.
            let _ = back.send(Returned { connection, how });
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.give_back(How::Undo(None));
    }
}
