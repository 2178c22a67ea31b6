//! A PgBouncer in transaction mode of a test's own, in front of the server of `TEST_POSTGRES_URL`.

use std::{
    env, fs,
    io::{self, Write},
    net::{TcpListener, TcpStream},
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    str::FromStr,
    time::{Duration, Instant},
};

use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;
use wharf_postgres::{Postgres, PostgresOptions};

use crate::database::Database;

/// How long one start may take, and how often it is tried: a port that was free may have been taken meanwhile.
const START_SECONDS_MAX: u64 = 8;
const STARTS_MAX: usize = 5;

/// Who runs it when we are root, as whom it refuses to run.
const NOBODY: u32 = 65534;

/// Runs it until the pipe of which only we hold the other end is closed, however we end.
const RUN: &str = r#""$1" "$2" & pooler=$!; read -r _; kill "$pooler"; wait "$pooler""#;

/// Ends when it is dropped, or when the test's process dies.
pub(crate) struct Pooler {
    port: u16,
    shell: Child,
    home: TempDir,
}

impl Pooler {
    /// `None`, and said so aloud, where there is no PgBouncer. Give it fewer connections to the server than its clients
    /// have to it, and what they do is on another one all the time.
    pub(crate) fn start(server_connections_max: u32) -> Option<Self> {
        let Some(program) = find() else {
            // Not `eprintln!`, which a test that passes keeps to itself.
            let why = "SKIPPED: there is no pgbouncer, so nothing was tested behind a pooler\n";
            io::stderr().write_all(why.as_bytes()).unwrap();
            return None;
        };
        let mut log = String::new();
        for _ in 0..STARTS_MAX {
            let pooler = Self::spawn(&program, server_connections_max);
            if pooler.answers_in_time() {
                return Some(pooler);
            }
            log = pooler.log();
        }
        panic!("PgBouncer does not answer: {log}");
    }

    fn spawn(program: &Path, server_connections_max: u32) -> Self {
        let home = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = home.path().join("pgbouncer.ini");
        fs::write(&settings, settings_of(port, server_connections_max)).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", RUN, "pooler"]).arg(program).arg(&settings).current_dir("/");
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(fs::File::create(home.path().join("log")).unwrap());
        if fs::metadata(home.path()).unwrap().uid() == 0 {
            chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
            chown(&settings, Some(NOBODY), Some(NOBODY)).unwrap();
            shell.uid(NOBODY).gid(NOBODY);
        }
        Self { port, shell: shell.spawn().unwrap(), home }
    }

    fn answers_in_time(&self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while Instant::now() < deadline {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    /// Options to reach this database through it.
    pub(crate) fn options(&self, database: &Database) -> PostgresOptions {
        let (_, name) = database.url().rsplit_once('/').unwrap();
        let options = Postgres::options(&format!("postgres://wharf@127.0.0.1:{}/{name}", self.port)).unwrap();
        options.through_pooler().transactions_max(4).reads_max(2)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().unwrap();
    }
}

/// The one that `cargo xtask test` found or installed, else any of this machine's.
fn find() -> Option<PathBuf> {
    if let Some(given) = env::var_os("TEST_PGBOUNCER") {
        return Some(PathBuf::from(given));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file())
}

/// Everyone who comes is let in, and logs in at the server as the user of `TEST_POSTGRES_URL`.
fn settings_of(port: u16, server_connections_max: u32) -> String {
    let url = env::var("TEST_POSTGRES_URL").unwrap();
    let server = PgConnectOptions::from_str(&url).unwrap();
    let (host, server_port, user) = (server.get_host(), server.get_port(), server.get_username());
    let password = match password_in(&url) {
        Some(password) => format!(" password={password}"),
        None => String::new(),
    };
    format!(
        "[databases]
         * = host={host} port={server_port} user={user}{password}
         [pgbouncer]
         listen_addr = 127.0.0.1
         listen_port = {port}
         unix_socket_dir =
         auth_type = any
         pool_mode = transaction
         default_pool_size = {server_connections_max}
         max_client_conn = 200
         "
    )
    .replace("         ", "")
}

fn password_in(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (login, _) = rest.split_once('@')?;
    let (_, password) = login.split_once(':')?;
    Some(password)
}
