//! The PostgreSQL engine keeps the promises of every engine.

use async_trait::async_trait;
use sqlx::Executor;
use wharf::{
    Result, Tx,
    testing::{
        ManualClock,
        conformance::{Sabotage, Subject, apart::InMemory},
    },
};
use wharf_postgres::{Postgres, PostgresTx};

use crate::{database::Database, pooler::Pooler};

/// A commit for each delivery, or one for up to so many.
struct OnPostgres<const SHARE_COMMITS: usize> {
    database: Database,
    engine: Postgres,
    clock: ManualClock,
}

#[async_trait]
impl<const SHARE_COMMITS: usize> Subject for OnPostgres<SHARE_COMMITS> {
    type Engine = Postgres;
    const CRASH_EVERY_AWAITS: usize = if SHARE_COMMITS > 1 { 3 } else { 1 };
    const CRASH_EVERY_AWAITS_APART: usize = 3 * Self::CRASH_EVERY_AWAITS;

    async fn start(clock: ManualClock) -> Self {
        let database = Database::create().await;
        let engine = Self::connect(&database, &clock).await;
        database.run("CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL)").await;
        Self { database, engine, clock }
    }

    fn engine(&self) -> Postgres {
        self.engine.clone()
    }

    async fn reopen(self) -> Option<Self> {
        let Self { database, engine, clock } = self;
        drop(engine);
        let engine = Self::connect(&database, &clock).await;
        Some(Self { database, engine, clock })
    }

    async fn write(tx: &mut Tx, key: &str, value: &str) -> Result {
        let write = "INSERT INTO notes VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        sqlx::query(write).bind(key).bind(value).execute(tx.postgres().await?).await?;
        Ok(())
    }

    async fn read(&self, key: &str) -> Option<String> {
        let read = sqlx::query_scalar("SELECT value FROM notes WHERE key = $1").bind(key);
        read.fetch_optional(self.engine.pool()).await.unwrap()
    }

    async fn plant(&self, endpoint: &str, name: &str, body: &[u8]) -> Option<bool> {
        // Half a character PostgreSQL does not take.
        let Ok(body) = std::str::from_utf8(body) else { return Some(false) };
        let insert = "INSERT INTO wharf.deliveries
                          (endpoint, not_before, attempt, crashes, redrives, message_id, name, version, kind, key, tenant,
                           sent_at, trail, body)
                      VALUES ($1, 0, -1, -1, -1, gen_random_uuid(), $2, 1, 'gossip', '', '', -1, '{', $3)";
        sqlx::query(insert).bind(endpoint).bind(name).bind(body).execute(self.engine.pool()).await.unwrap();
        Some(true)
    }

    async fn sabotage(tx: &mut Tx, how: Sabotage) -> bool {
        let connection = tx.postgres().await.unwrap();
        match how {
            Sabotage::SwallowedError => connection.execute("SELECT 1 / 0").await.unwrap_err().to_string().clear(),
            Sabotage::RawRollback => drop(connection.execute("ROLLBACK").await.unwrap()),
            Sabotage::RawCommit if SHARE_COMMITS > 1 => drop(connection.execute("COMMIT").await.unwrap_err()),
            Sabotage::RawCommit => drop(connection.execute("COMMIT").await.unwrap()),
        }
        true
    }

    async fn stop(self) {
        self.engine.close().await;
        self.database.remove().await;
    }
}

impl<const SHARE_COMMITS: usize> OnPostgres<SHARE_COMMITS> {
    /// Commits are shared when handlers wait for a connection: then there is only one.
    async fn connect(database: &Database, clock: &ManualClock) -> Postgres {
        let transactions_max = if SHARE_COMMITS > 1 { 2 } else { 4 };
        let options = database.options().transactions_max(transactions_max).share_commits(SHARE_COMMITS);
        options.clock(clock.clone()).connect().await.unwrap()
    }
}

wharf::conformance!(OnPostgres<1>);

mod apart {
    use super::*;
    wharf::conformance_apart!(OnPostgres<1>, InMemory);
}

mod shared {
    use super::*;
    wharf::conformance!(OnPostgres<8>);

    mod apart {
        use super::*;
        wharf::conformance_apart!(OnPostgres<8>, InMemory);
    }
}

/// w15: the same through a pooler, which gives each transaction whatever connection is free.
mod pooled {
    use super::*;

    /// As many as the transactions that a case has open at once, and one for all else.
    const SERVER_CONNECTIONS_MAX: u32 = 5;

    /// Where there is no PgBouncer its half of the work is done straight at the server.
    struct BehindPooler {
        direct: OnPostgres<1>,
        pooler: Option<Pooler>,
    }

    impl BehindPooler {
        async fn connect(database: &Database, pooler: Option<&Pooler>, clock: &ManualClock) -> Postgres {
            let options = pooler.map_or_else(|| database.options().through_pooler(), |pooler| pooler.options(database));
            options.clock(clock.clone()).connect().await.unwrap()
        }
    }

    #[async_trait]
    impl Subject for BehindPooler {
        type Engine = Postgres;
        const CRASH_EVERY_AWAITS: usize = 9;

        async fn start(clock: ManualClock) -> Self {
            let pooler = Pooler::start(SERVER_CONNECTIONS_MAX);
            let database = Database::create().await;
            let engine = Self::connect(&database, pooler.as_ref(), &clock).await;
            database.run("CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL)").await;
            Self { direct: OnPostgres { database, engine, clock }, pooler }
        }

        fn engine(&self) -> Postgres {
            self.direct.engine()
        }

        async fn reopen(self) -> Option<Self> {
            let Self { direct: OnPostgres { database, engine, clock }, pooler } = self;
            drop(engine);
            let engine = Self::connect(&database, pooler.as_ref(), &clock).await;
            Some(Self { direct: OnPostgres { database, engine, clock }, pooler })
        }

        async fn write(tx: &mut Tx, key: &str, value: &str) -> Result {
            OnPostgres::<1>::write(tx, key, value).await
        }

        async fn read(&self, key: &str) -> Option<String> {
            self.direct.read(key).await
        }

        async fn plant(&self, endpoint: &str, name: &str, body: &[u8]) -> Option<bool> {
            self.direct.plant(endpoint, name, body).await
        }

        async fn sabotage(tx: &mut Tx, how: Sabotage) -> bool {
            OnPostgres::<1>::sabotage(tx, how).await
        }

        async fn stop(self) {
            self.direct.stop().await;
        }
    }

    wharf::conformance!(BehindPooler);
}

mod signals {
    use std::{sync::Arc, time::Duration};

    use tokio::task::JoinHandle;
    use wharf::{
        Clock,
        ports::{Signals, Store, Transport},
        testing::conformance::signals::Signallers,
    };

    use super::*;

    /// Two processes on one database, each with its listener, and an application on another.
    struct OnPostgresSignals {
        clock: ManualClock,
        databases: [Database; 2],
        engines: [Postgres; 3],
        listening: Vec<JoinHandle<()>>,
    }

    #[async_trait]
    impl Signallers for OnPostgresSignals {
        async fn start() -> Self {
            let clock = ManualClock::new();
            let (ours, theirs) = (Database::create().await, Database::create().await);
            let engine = async |database: &Database| {
                let engine = database.engine_at(clock.clone()).await;
                engine.wind_to(clock.now()).await.unwrap();
                engine
            };
            let engines = [engine(&ours).await, engine(&ours).await, engine(&theirs).await];
            let listening = engines.iter().cloned().map(|engine| {
                tokio::spawn(
                    async move { panic!("a listener ends only with its connection: {:?}", engine.listen().await) },
                )
            });
            let listening = listening.collect();
            Self { clock, databases: [ours, theirs], engines, listening }
        }

        fn here(&self) -> Arc<dyn Signals> {
            Store::signals(&self.engines[0])
        }

        fn there(&self) -> Arc<dyn Signals> {
            Store::signals(&self.engines[1])
        }

        fn elsewhere(&self) -> Arc<dyn Signals> {
            Store::signals(&self.engines[2])
        }

        async fn pass(&self, time: Duration) {
            self.engines[0].wind_to(self.clock.now() + time).await.unwrap();
            self.clock.wind(time);
        }

        /// Notifications come in the order of their commits. The first ring may be that of one who has just begun to listen.
        async fn arrive(&self) {
            let arrived = self.engines[0].wakeups().bell("arrived");
            for _ in 0..2 {
                let tell = sqlx::query("SELECT pg_notify('wharf', 'arrived')");
                tell.execute(self.engines[1].pool()).await.unwrap();
                arrived.notified().await;
            }
        }

        async fn stop(self) {
            self.listening.iter().for_each(JoinHandle::abort);
            for engine in self.engines {
                engine.close().await;
            }
            for database in self.databases {
                database.remove().await;
            }
        }
    }

    wharf::conformance_signals!(OnPostgresSignals);
}
