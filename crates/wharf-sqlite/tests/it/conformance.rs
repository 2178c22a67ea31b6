//! SQLite keeps the promises of every engine.

use async_trait::async_trait;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use wharf::{
    Result, Tx,
    testing::{
        ManualClock,
        conformance::{Sabotage, Subject, apart::InMemory},
    },
};
use wharf_sqlite::{Sqlite, SqliteTx};

use crate::app::App;

#[async_trait]
impl Subject for App {
    type Engine = Sqlite;

    async fn start(clock: ManualClock) -> Self {
        Self::with(|options| options.clock(clock)).await
    }

    fn engine(&self) -> Sqlite {
        self.engine.clone()
    }

    async fn reopen(self) -> Option<Self> {
        Some(self.reopen().await)
    }

    async fn write(tx: &mut Tx, key: &str, value: &str) -> Result {
        sqlx::query("INSERT INTO notes (key, value) VALUES ($1, $2) ON CONFLICT DO UPDATE SET value = excluded.value")
            .bind(key)
            .bind(value)
            .execute(tx.sqlite().await?)
            .await?;
        Ok(())
    }

    async fn read(&self, key: &str) -> Option<String> {
        let value = sqlx::query_scalar("SELECT value FROM notes WHERE key = $1").bind(key);
        value.fetch_optional(self.engine.read_pool()).await.unwrap()
    }

    async fn plant(&self, endpoint: &str, name: &str, body: &[u8]) -> Option<bool> {
        let insert = "INSERT INTO wharf_deliveries
                          (endpoint, not_before, attempt, crashes, redrives, message_id, name, version, kind, key, tenant,
                           sent_at, trail, body)
                      VALUES (?, 0, -1, -1, -1, 'no id', ?, 1, 'gossip', '', '', -1, '{', CAST(? AS TEXT))";
        let options = SqliteConnectOptions::new().filename(self.path());
        let mut foreign = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query(insert).bind(endpoint).bind(name).bind(body).execute(&mut foreign).await.unwrap();
        foreign.close().await.unwrap();
        Some(true)
    }

    async fn sabotage(tx: &mut Tx, how: Sabotage) -> bool {
        let connection = tx.sqlite().await.unwrap();
        match how {
            Sabotage::SwallowedError => {
                let twice = "INSERT INTO notes (key, value) VALUES ('twice', ''), ('twice', '')";
                sqlx::query(twice).execute(connection).await.unwrap_err();
            }
            Sabotage::RawRollback => drop(sqlx::query("ROLLBACK").execute(connection).await.unwrap()),
            // Refused, and the transaction is lost.
            Sabotage::RawCommit => drop(sqlx::query("COMMIT").execute(connection).await.unwrap_err()),
        }
        true
    }

    async fn stop(self) {
        self.engine.close().await;
    }
}

wharf::conformance!(App);

mod apart {
    use super::*;
    wharf::conformance_apart!(App, InMemory);
}
