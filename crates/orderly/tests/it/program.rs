//! `orderly` itself, on data of its own.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use crate::{database::Database, order_file::OrderFile};

/// The program with a data directory, and a database where it has one. Both are gone with it.
pub(crate) struct Orderly {
    data: TempDir,
    database: Option<Database>,
    /// The address of a broker, and what is this program's alone there.
    broker: Option<(String, String)>,
}

/// What a run of it said and answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Orderly {
    pub(crate) fn on_sqlite() -> Self {
        Self { data: TempDir::new().unwrap(), database: None, broker: None }
    }

    pub(crate) fn on_postgres() -> Self {
        Self { data: TempDir::new().unwrap(), database: Some(Database::create()), broker: None }
    }

    /// With RabbitMQ to carry the messages. Its queues stay until the broker goes.
    pub(crate) fn on_postgres_and_rabbitmq() -> Self {
        let url = env::var("TEST_RABBITMQ_URL").expect(
            "TEST_RABBITMQ_URL is not set: run `cargo xtask test`, or point it at a RabbitMQ whose user may do anything",
        );
        let prefix = format!("test-{}.", Uuid::now_v7().simple());
        Self { broker: Some((url, prefix)), ..Self::on_postgres() }
    }

    /// The address of the broker, and what the names of this program's queues begin with.
    pub(crate) fn broker(&self) -> (&str, &str) {
        let (url, prefix) = self.broker.as_ref().expect("it works with a broker");
        (url, prefix)
    }

    /// The host and port of the broker.
    pub(crate) fn broker_address(&self) -> String {
        let (url, _) = self.broker.as_ref().expect("it works with a broker");
        let (_, address) = url.rsplit_once('@').expect("the address of a broker names a user");
        address.split_once('/').map_or(address, |(address, _)| address).to_owned()
    }

    /// Goes to the broker by another way.
    pub(crate) fn reach_broker_at(&mut self, address: &str) {
        let there = self.broker_address();
        if let Some((url, _)) = &mut self.broker {
            *url = url.replace(&there, address);
        }
    }

    /// The server lives on, but has never heard of our database.
    pub(crate) fn lose_database(&mut self) {
        self.database = None;
    }

    /// Runs statements in the database, past the program.
    pub(crate) fn run_sql(&self, sql: &'static str) {
        self.database.as_ref().expect("it works on PostgreSQL").run(sql);
    }

    /// Ends every connection to the database.
    pub(crate) fn cut_connections(&self) {
        self.run_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.data.path().join("data")
    }

    /// Puts a file beside the data.
    pub(crate) fn store(&self, name: &str, text: &str) -> PathBuf {
        let path = self.data.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Puts an order file beside the data.
    pub(crate) fn store_orders(&self, file: &OrderFile) -> PathBuf {
        self.store("orders.csv", &file.text)
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Answer {
        let output = self.command(args).output().unwrap();
        Answer {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Replays a file to its end; more arguments may follow.
    pub(crate) fn replay(&self, file: &Path, args: &[&str]) -> Answer {
        self.run(&[&["replay", file.to_str().unwrap(), "--json"], args].concat())
    }

    /// Starts it, to be watched.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let mut process = self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let stdout = BufReader::new(process.stdout.take().unwrap());
        Running { process, stdout, stderr, said: String::new() }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orderly"));
        // Away from the settings of whoever runs the tests.
        command.env_clear().current_dir(self.data.path()).stdin(Stdio::null());
        if let Some(database) = &self.database {
            command.env("DATABASE_URL", database.url());
        }
        if let Some((url, prefix)) = &self.broker {
            command.env("AMQP_URL", url).env("ORDERLY_BROKER__PREFIX", prefix);
        }
        command.args(args).arg("--data").arg(self.data());
        command
    }
}

impl Answer {
    /// The JSON object it answered.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}

/// A program that runs. Killed when it is dropped.
pub(crate) struct Running {
    process: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl Running {
    /// Waits until a replay has brought so many orders to their end; `false` if the program ends before that.
    pub(crate) fn wait_for_ended(&mut self, orders: u64) -> bool {
        let mut line = String::new();
        while self.stderr.read_line(&mut line).unwrap() > 0 {
            let ended = ended_orders(&line);
            self.said += &line;
            line.clear();
            if ended.is_some_and(|ended| ended >= orders) {
                return true;
            }
        }
        false
    }

    /// Waits until it prints a line that begins so, and gives the rest of that line.
    pub(crate) fn wait_for_line(&mut self, beginning: &str) -> String {
        let mut line = String::new();
        while self.stdout.read_line(&mut line).unwrap() > 0 {
            if let Some(rest) = line.trim().strip_prefix(beginning) {
                return rest.trim().to_owned();
            }
            line.clear();
        }
        self.stderr.read_to_string(&mut self.said).unwrap();
        panic!("it ended without printing `{beginning}`: {}", self.said);
    }

    /// Waits until it says so in its log.
    pub(crate) fn wait_for_log(&mut self, words: &str) {
        let mut line = String::new();
        while self.stderr.read_line(&mut line).unwrap() > 0 {
            self.said += &line;
            if line.contains(words) {
                return;
            }
            line.clear();
        }
        panic!("it ended without saying `{words}`: {}", self.said);
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        let _status: ExitStatus = self.process.wait().unwrap();
    }

    /// SIGTERM: asks it to stop.
    pub(crate) fn ask_to_stop(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Answer {
        let mut stdout = String::new();
        self.stderr.read_to_string(&mut self.said).unwrap();
        self.stdout.read_to_string(&mut stdout).unwrap();
        Answer { code: self.process.wait().unwrap().code(), stdout, stderr: std::mem::take(&mut self.said) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Most have ended by now; the error that says so is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Of a line such as `120 of 150 orders placed, 95 at their end`.
fn ended_orders(line: &str) -> Option<u64> {
    let (_, ended) = line.strip_suffix(" at their end\n")?.rsplit_once(' ')?;
    ended.parse().ok()
}
