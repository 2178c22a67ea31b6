//! The Redis that the tests were given, and one of a test's own, to be killed and brought back.

use std::{
    env,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;
use uuid::Uuid;

/// The Redis that the tests were given.
pub(crate) fn url() -> String {
    env::var("TEST_REDIS_URL")
        .expect("TEST_REDIS_URL is not set: run `cargo xtask test`, or point it at a Redis that tests may write to")
}

/// What the names of one test's keys and channels begin with.
pub(crate) fn prefix() -> String {
    format!("test-{}", Uuid::now_v7().simple())
}

/// A Redis of one test's own, on a port that stays the same. It ends with this.
pub(crate) struct Server {
    port: u16,
    folder: TempDir,
    process: Option<Child>,
}

impl Server {
    /// A port on which none runs yet.
    pub(crate) fn none() -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        Self { port, folder: tempfile::tempdir().unwrap(), process: None }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it; returns once it lets clients in.
    pub(crate) fn start(&mut self) {
        let program = env::var_os("TEST_REDIS_SERVER").map_or_else(|| PathBuf::from("redis-server"), PathBuf::from);
        let process = Command::new(program)
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &self.port.to_string()])
            .arg("--dir")
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server runs: `cargo xtask test` finds or installs it, TEST_REDIS_SERVER names another");
        let process = self.process.insert(process);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(process.try_wait().unwrap().is_none(), "redis-server ended at once");
        }
    }

    /// Kills it, as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
