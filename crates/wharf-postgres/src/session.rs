//! What our connections need to be set: as they are made, or, behind a pooler, as each transaction begins.
//!
//! A pooler in transaction mode gives every transaction a connection of the server's that others used before, and that
//! others will use next. Nothing that outlives a transaction holds there: no setting, no prepared statement, no session's
//! lock, no `LISTEN`. And a statement of sqlx's is two conversations, which only a transaction keeps on one connection.

use std::sync::Arc;

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqlSafeStr, SqlStr, postgres::PgConnectOptions, raw_sql,
};

/// sqlx names its statements by a number that begins anew with each of its connections, so what another client left on
/// this one is in the way. Poolers that rename statements leave nothing of such a name.
const FORGET_STATEMENTS: &str = "DO $$ DECLARE left_behind text; BEGIN
    FOR left_behind IN SELECT name FROM pg_prepared_statements WHERE name LIKE 'sqlx\\_s\\_%' LOOP
        EXECUTE format('DEALLOCATE %I', left_behind);
    END LOOP; END $$";

/// How connections of one kind are made and set.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    connect: PgConnectOptions,
    settings: Vec<(String, String)>,
    is_pooled: bool,
    /// What follows a `BEGIN` behind a pooler.
    opening: Option<Arc<str>>,
}

impl Session {
    pub(crate) fn new(connect: PgConnectOptions, is_pooled: bool) -> Self {
        let mut session = Self { connect, settings: Vec::new(), is_pooled, opening: None };
        session.write_opening();
        session
    }

    /// With these settings, too.
    pub(crate) fn with<N: Into<String>, V: Into<String>>(&self, settings: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut session = self.clone();
        session.settings.extend(settings.into_iter().map(|(name, value)| (name.into(), value.into())));
        session.write_opening();
        session
    }

    fn write_opening(&mut self) {
        if self.is_pooled {
            let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
            let set =
                |(name, value): &(String, String)| format!("set_config({}, {}, true)", quoted(name), quoted(value));
            let set: Vec<_> = self.settings.iter().map(set).collect();
            let set = if set.is_empty() { String::new() } else { format!("; SELECT {}", set.join(", ")) };
            self.opening = Some(Arc::from(format!("; {FORGET_STATEMENTS}{set}")));
        }
    }

    /// How its connections are made.
    pub(crate) fn options(&self) -> PgConnectOptions {
        if self.is_pooled {
            // What poolers do not know at a start they refuse. And nothing prepared lasts.
            self.connect.clone().extra_float_digits(None).statement_cache_capacity(0)
        } else {
            self.connect.clone().options(self.settings.iter().map(|(name, value)| (name, value)))
        }
    }

    pub(crate) async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        self.options().connect().await
    }

    pub(crate) fn is_pooled(&self) -> bool {
        self.is_pooled
    }

    /// A statement that ends in a `BEGIN`, and what else has to be said then.
    pub(crate) fn begun_by(&self, begin: &'static str) -> SqlStr {
        match &self.opening {
            // Names and values of settings are quoted.
            Some(opening) => AssertSqlSafe(format!("{begin}{opening}")).into_sql_str(),
            None => begin.into_sql_str(),
        }
    }

    /// Behind a pooler, keeps the server's connection for what follows; [`leave`](Session::leave) gives it back. sqlx
    /// counts the transaction once and for all: what it begins within is a savepoint.
    pub(crate) async fn enter(&self, connection: &mut PgConnection, is_used: bool) -> Result<(), sqlx::Error> {
        match (self.is_pooled, is_used) {
            (false, _) => {}
            (true, true) => {
                raw_sql(self.begun_by("BEGIN")).execute(connection).await?;
            }
            (true, false) => std::mem::forget(connection.begin_with(self.begun_by("BEGIN")).await?),
        }
        Ok(())
    }

    /// Commits what [`enter`](Session::enter) began.
    pub(crate) async fn leave(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.is_pooled {
            raw_sql("COMMIT").execute(connection).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_pooler_settings_are_made_with_each_transaction_and_quoted() {
        let connect = PgConnectOptions::new_without_pgpass();
        let settings = [("search_path", "shop, public"), ("application.note", "Ada's")];
        let direct = Session::new(connect.clone(), false).with(settings);
        let pooled = Session::new(connect, true).with(settings);

        assert_eq!(direct.begun_by("BEGIN").as_str(), "BEGIN");
        let begin = pooled.begun_by("BEGIN");
        let set =
            "; SELECT set_config('search_path', 'shop, public', true), set_config('application.note', 'Ada''s', true)";
        assert!(begin.as_str().starts_with("BEGIN; DO $$"), "{}", begin.as_str());
        assert!(begin.as_str().ends_with(set), "{}", begin.as_str());
    }
}
