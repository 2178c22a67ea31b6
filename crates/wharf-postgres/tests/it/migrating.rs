//! Bringing schemas up to date: once, whoever comes first, and never back.

use sqlx::{
    Connection, SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};
use wharf::Code;
use wharf_postgres::{Migrations, Postgres};

use crate::database::Database;

/// What stands in the database: every column of every table, and how far each schema was migrated.
async fn everything(database: &Database) -> Vec<String> {
    let mut connection = database.connection().await;
    let columns = "
        SELECT table_schema || '.' || table_name || '.' || column_name || ' ' || data_type
        FROM information_schema.columns WHERE table_schema IN ('wharf', 'shop') ORDER BY 1";
    let mut all: Vec<String> = sqlx::query_scalar(columns).fetch_all(&mut connection).await.unwrap();
    let steps = "SELECT version || ' ' || description FROM wharf.migrations ORDER BY version";
    all.extend(sqlx::query_scalar::<_, String>(steps).fetch_all(&mut connection).await.unwrap());
    connection.close().await.unwrap();
    all
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_untouched() {
    let database = Database::create().await;
    database.engine().await.close().await;
    database
        .run(
            "INSERT INTO wharf.migrations (version, description, success, checksum, execution_time)
             VALUES (1000, 'from the future', true, '', 0);
             ALTER TABLE wharf.deliveries RENAME TO shipments",
        )
        .await;
    let before = everything(&database).await;

    let refused = Postgres::connect(database.url()).await.unwrap_err();

    assert_eq!(refused.code(), Code::SCHEMA_NEWER);
    let told = refused.to_string();
    assert!(told.starts_with("W0020: the schema `wharf` is at version 1000, this program knows "), "{told}");
    assert_eq!(everything(&database).await, before);
    database.remove().await;
}

#[tokio::test]
async fn who_expects_tables_makes_none() {
    let database = Database::create().await;
    let expecting = || database.options().expect_migrated().connect();

    let refused = expecting().await.unwrap_err();
    assert_eq!(refused.code(), Code::SCHEMA_OLDER);
    let told = refused.to_string();
    assert!(told.starts_with("W0031: there are no tables of wharf's in this database;"), "{told}");
    let mut connection = database.connection().await;
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'wharf'";
    assert_eq!(sqlx::query_scalar::<_, i64>(schemas).fetch_one(&mut connection).await.unwrap(), 0);

    // As the first version left it.
    let first = include_str!("../../migrations/0001_time.sql").into_sql_str();
    let first = Migration::new(1, "time".into(), MigrationType::Simple, first, false);
    let mut older = Migrator::with_migrations(vec![first]);
    older.create_schema("wharf");
    older.dangerous_set_table_name("wharf.migrations");
    older.run_direct(None, &mut connection, false).await.unwrap();
    connection.close().await.unwrap();
    let before = everything(&database).await;
    let refused = expecting().await.unwrap_err();
    assert_eq!(refused.code(), Code::SCHEMA_OLDER);
    let told = refused.to_string();
    assert!(told.starts_with("W0031: the schema `wharf` is at version 1, this program expects "), "{told}");
    assert_eq!(everything(&database).await, before);

    database.engine().await.close().await;
    expecting().await.unwrap().close().await;

    database
        .run(
            "INSERT INTO wharf.migrations (version, description, success, checksum, execution_time)
             VALUES (1000, 'from the future', true, '', 0)",
        )
        .await;
    assert_eq!(expecting().await.unwrap_err().code(), Code::SCHEMA_NEWER);
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_migrate_once() {
    let database = Database::create().await;
    let starting: Vec<_> = (0..6)
        .map(|_| {
            let url = database.url().to_owned();
            tokio::spawn(async move { Postgres::connect(&url).await.unwrap().close().await })
        })
        .collect();
    for one in starting {
        one.await.unwrap();
    }

    let steps = everything(&database).await.into_iter().filter(|line| line.starts_with(char::is_numeric));
    let numbers: Vec<usize> = steps.filter_map(|line| line.split_once(' ')?.0.parse().ok()).collect();
    assert!(numbers.len() > 1);
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "each step once, in its order");
    database.remove().await;
}

#[tokio::test]
async fn a_program_migrates_a_schema_of_its_own_beside_wharfs() {
    const ORDERS: (&str, &str) = ("orders", "CREATE TABLE shop.orders (id BIGINT PRIMARY KEY)");
    const PRICES: (&str, &str) = ("prices", "ALTER TABLE shop.orders ADD COLUMN price BIGINT");
    const FIRST: Migrations = Migrations::of("shop", &[ORDERS]);
    const SECOND: Migrations = Migrations::of("shop", &[ORDERS, PRICES]);
    const EDITED: Migrations = Migrations::of("shop", &[("orders", "CREATE TABLE shop.orders ()"), PRICES]);

    let database = Database::create().await;
    let engine = database.engine().await;
    for migrations in [FIRST, FIRST, SECOND, SECOND] {
        engine.migrate(migrations).await.unwrap();
    }

    let orders = everything(&database).await.into_iter().filter(|line| line.starts_with("shop.orders"));
    assert_eq!(orders.collect::<Vec<_>>(), ["shop.orders.id bigint", "shop.orders.price bigint"]);
    let older = engine.migrate(FIRST).await.unwrap_err();
    assert_eq!(older.to_string(), "W0020: the schema `shop` is at version 2, this program knows 1");
    let edited = engine.migrate(EDITED).await.unwrap_err();
    assert_eq!(edited.to_string(), "W0018: step 1 of the schema `shop` was edited after it had run");
    engine.migrate(SECOND).await.unwrap();
    engine.close().await;
    database.remove().await;
}
