//! A small shop whose database and books can be written by hand.

use std::{env, fs, path::Path};

use orderly_infrastructure::{Database, Infrastructure, Settings, simulators::BOOKS_FILE};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, SqliteConnection, postgres::PgConnectOptions,
    sqlite::SqliteConnectOptions,
};
use tempfile::TempDir;
use uuid::Uuid;

use crate::stage::Engine;

/// The data of a shop that nobody runs.
pub(crate) struct Shop {
    engine: Engine,
    pub(crate) settings: Settings,
    folder: TempDir,
}

impl Shop {
    /// One order in each state that a snapshot may find it in, and everything that belongs to it.
    pub(crate) async fn with_orders_in_every_state(engine: Engine) -> Self {
        let shop = Self::new(engine).await;
        let ports = Infrastructure::connect(&shop.settings).await.unwrap();
        ports.close().await;
        shop.run(include_str!("shop.sql")).await;
        shop.run_in_books(include_str!("books.sql")).await;
        shop
    }

    /// Nothing yet.
    pub(crate) async fn new(engine: Engine) -> Self {
        let shop = Self::somewhere(engine);
        if let Database::Postgres { url } = &shop.settings.database {
            on_server("CREATE DATABASE", database_of(url), "").await;
        }
        shop
    }

    /// A place for data, where there is none.
    fn somewhere(engine: Engine) -> Self {
        let folder = TempDir::new().unwrap();
        let mut settings = Settings::in_directory(folder.path());
        if let Engine::Postgres = engine {
            let (address, _) = server().rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            let url = format!("{address}/orderly_audit_{}", Uuid::now_v7().simple());
            settings.database = Database::Postgres { url };
        }
        Self { engine, settings, folder }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The same data once more.
    pub(crate) async fn copy(&self) -> Self {
        let copy = Self::somewhere(self.engine);
        copy_files(self.folder.path(), copy.folder.path());
        if let (Database::Postgres { url }, Database::Postgres { url: new }) =
            (&self.settings.database, &copy.settings.database)
        {
            on_server("CREATE DATABASE", database_of(new), &format!(" TEMPLATE {}", database_of(url))).await;
        }
        copy
    }

    /// The same data and one change more, as a process leaves it that dies before it has put its log in order.
    pub(crate) async fn copy_with_unfinished_log(&self, change: &'static str) -> Self {
        let copy = Self::somewhere(self.engine);
        let mut writer = self.sqlite("orderly.db").await;
        writer.execute(change).await.unwrap();
        copy_files(self.folder.path(), copy.folder.path());
        fs::remove_file(copy.folder.path().join("orderly.db-shm")).unwrap();
        assert!(fs::metadata(copy.folder.path().join("orderly.db-wal")).unwrap().len() > 0);
        writer.close().await.unwrap();
        copy
    }

    /// Takes a table's constraints and triggers away, as a migration may that went wrong.
    pub(crate) async fn unguard(&self, table: &str) {
        // On PostgreSQL a table that a view shows is dropped with the view only.
        let with_views = match self.engine {
            Engine::Sqlite => "",
            Engine::Postgres => "CASCADE",
        };
        self.run(&format!(
            "CREATE TABLE unguarded AS SELECT * FROM {table}; DROP TABLE {table} {with_views};
             CREATE TABLE {table} AS SELECT * FROM unguarded; DROP TABLE unguarded;"
        ))
        .await;
    }

    /// Runs statements on the database. wharf's tables are written as on PostgreSQL.
    pub(crate) async fn run(&self, sql: &str) {
        match &self.settings.database {
            Database::Sqlite { .. } => {
                let mut database = self.sqlite("orderly.db").await;
                let sql = AssertSqlSafe(sql.replace("wharf.", "wharf_"));
                sqlx::raw_sql(sql).execute(&mut database).await.unwrap();
                database.close().await.unwrap();
            }
            Database::Postgres { url } => {
                let options: PgConnectOptions = url.parse().unwrap();
                let mut database = options.options([("search_path", "orderly")]).connect().await.unwrap();
                sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut database).await.unwrap();
                database.close().await.unwrap();
            }
        }
    }

    pub(crate) async fn run_in_books(&self, sql: &'static str) {
        let mut books = self.sqlite(BOOKS_FILE).await;
        sqlx::raw_sql(sql).execute(&mut books).await.unwrap();
        books.close().await.unwrap();
    }

    async fn sqlite(&self, file: &str) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.folder.path().join(file)).connect().await.unwrap()
    }

    pub(crate) async fn close(self) {
        if let Database::Postgres { url } = &self.settings.database {
            on_server("DROP DATABASE", database_of(url), " WITH (FORCE)").await;
        }
    }
}

fn copy_files(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

fn server() -> String {
    env::var("TEST_POSTGRES_URL").expect(
        "TEST_POSTGRES_URL is not set: run `cargo xtask test`, or point it at a PostgreSQL whose user may create databases",
    )
}

fn database_of(url: &str) -> &str {
    url.rsplit_once('/').unwrap().1
}

async fn on_server(before: &str, database: &str, after: &str) {
    let mut server = PgConnection::connect(&server()).await.expect("the server of TEST_POSTGRES_URL answers");
    server.execute(AssertSqlSafe(format!("{before} {database}{after}"))).await.unwrap();
    server.close().await.unwrap();
}
