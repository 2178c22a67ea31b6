//! A database is migrated by who says so, and by nobody else.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sqlx::{
    Connection, SqlSafeStr, SqliteConnection,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use tempfile::TempDir;
use wharf_sqlite::Sqlite;

use crate::wharf;

/// Every command that has no business with migrations.
const LOOKS: [&[&str]; 6] = [
    &["jobs", "list"],
    &["jobs", "run", "pictures.resize"],
    &["schedules", "list"],
    &["workers"],
    &["queues"],
    &["dead-letters", "list"],
];

/// A directory with one file in it.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("some.db")
    }

    /// All that stands here, byte for byte.
    fn everything(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<_> = entries.map(|path| (path.clone(), fs::read(&path).unwrap())).collect();
        all.sort();
        all
    }

    fn is_as_it_was(&self, before: &[(PathBuf, Vec<u8>)]) {
        let after = self.everything();
        let names = |all: &[(PathBuf, _)]| all.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
        assert_eq!(names(&after), names(before));
        assert!(after == before, "a file was changed");
    }

    fn is_refused_untouched(&self, because: &str) {
        let before = self.everything();
        for look in LOOKS {
            let (ok, said) = wharf(&self.file(), look);
            assert!(!ok && said.starts_with("wharf: "), "{look:?}: {said}");
            assert!(said.contains(because), "{look:?}: {said}");
            assert!(said.contains("`wharf migrate`"), "{look:?}: {said}");
            self.is_as_it_was(&before);
        }
    }

    fn is_migrated_by_who_says_so(&self) {
        assert_eq!(wharf(&self.file(), &["migrate"]), (true, "the tables are up to date\n".to_owned()));
        for look in LOOKS {
            let (ok, said) = wharf(&self.file(), look);
            assert!(ok, "{look:?}: {said}");
        }
    }
}

async fn execute(file: &Path, journal: SqliteJournalMode, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true).journal_mode(journal);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[test]
fn an_empty_file_stays_one() {
    let place = Place::new();
    fs::write(place.file(), "").unwrap();
    place.is_refused_untouched("W0031: there are no tables of wharf's");
    place.is_migrated_by_who_says_so();
}

#[tokio::test]
async fn the_database_of_another_application_is_not_touched() {
    for journal in [SqliteJournalMode::Delete, SqliteJournalMode::Wal] {
        let place = Place::new();
        execute(&place.file(), journal, "CREATE TABLE guests (name TEXT); INSERT INTO guests VALUES ('Ada')").await;
        assert_eq!(place.everything().len(), 1, "the other application has closed it");
        place.is_refused_untouched("W0031: there are no tables of wharf's");
    }
}

/// What stands in its log alone is seen, too.
#[tokio::test]
async fn a_database_that_its_application_has_open_is_looked_at_and_no_more() {
    let place = Place::new();
    let options = SqliteConnectOptions::new().filename(place.file()).create_if_missing(true);
    let mut theirs = SqliteConnection::connect_with(&options.journal_mode(SqliteJournalMode::Wal)).await.unwrap();
    sqlx::raw_sql("CREATE TABLE guests (name TEXT)").execute(&mut theirs).await.unwrap();

    let (ok, said) = wharf(&place.file(), &["queues"]);
    assert!(!ok && said.contains("W0031"), "{said}");
    assert_eq!(place.everything().len(), 3, "the file, its log and the index of that; no lock");
    sqlx::raw_sql("INSERT INTO guests VALUES ('Ada')").execute(&mut theirs).await.unwrap();
    theirs.close().await.unwrap();
}

#[tokio::test]
async fn an_older_version_waits_for_who_migrates_it() {
    let place = Place::new();
    let first = include_str!("../../../wharf-sqlite/migrations/0001_wharf.sql").into_sql_str();
    let first = Migration::new(1, "wharf".into(), MigrationType::Simple, first, false);
    let mut older = Migrator::with_migrations(vec![first]);
    older.dangerous_set_table_name("wharf_migrations");
    let options = SqliteConnectOptions::new().filename(place.file()).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    older.run_direct(None, &mut connection, false).await.unwrap();
    connection.close().await.unwrap();

    place.is_refused_untouched("W0031: `wharf_migrations` is at version 1; this program expects ");
    place.is_migrated_by_who_says_so();
}

#[tokio::test]
async fn a_newer_version_is_refused_as_ever() {
    let place = Place::new();
    Sqlite::open(place.file()).await.unwrap().close().await;
    let newer = "INSERT INTO wharf_migrations (version, description, success, checksum, execution_time)
                 VALUES (99, 'from the future', 1, x'', 0)";
    execute(&place.file(), SqliteJournalMode::Wal, newer).await;
    let before = place.everything();
    let (ok, said) = wharf(&place.file(), &["queues"]);
    assert!(!ok && said.contains("W0020: `wharf_migrations` is at version 99; this program knows "), "{said}");
    place.is_as_it_was(&before);
}

#[test]
fn what_is_no_database_is_not_made_one() {
    let place = Place::new();
    fs::write(place.file(), "Dear diary, ".repeat(100)).unwrap();
    let before = place.everything();
    let (ok, said) = wharf(&place.file(), &["queues"]);
    assert!(!ok && said.contains("file is not a database"), "{said}");
    place.is_as_it_was(&before);
}
