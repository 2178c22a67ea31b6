//! A private server from binaries of this machine: loopback only, a free port, a folder of its own.

use std::{
    env,
    fs::{self, DirBuilder, File},
    os::unix::{
        fs::{DirBuilderExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::{Account, CONNECTIONS_MAX, Durability};
use crate::{
    guard::Guard,
    machine::{folders_on_path, free_port, tail},
};

const START_SECONDS_MAX: u64 = 60;

/// Where Debian keeps the server programs, one folder per major version.
const DEBIAN_VERSIONS: &str = "/usr/lib/postgresql";

/// Stops the server gracefully, by force if that fails, and removes its folder.
const STOP: &str = r#""$1" stop -D "$2/data" -m fast || "$1" stop -D "$2/data" -m immediate; rm -rf "$2""#;

/// A server that this process started. It ends when this is dropped, or when the process dies.
pub(super) struct LocalServer {
    port: u16,
    process: Child,
    guard: Option<Guard>,
}

/// The folder with `postgres`, `initdb` and `pg_ctl`: on PATH, else the newest that Debian has.
pub(super) fn find_binaries() -> Option<PathBuf> {
    folders_on_path().find(|folder| has_binaries(folder)).or_else(|| {
        let versions = fs::read_dir(DEBIAN_VERSIONS).ok()?.flatten();
        versions
            .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))))
            .filter(|(_, folder)| has_binaries(folder))
            .max()
            .map(|(_, folder)| folder)
    })
}

fn has_binaries(folder: &Path) -> bool {
    ["postgres", "initdb", "pg_ctl"].iter().all(|program| folder.join(program).is_file())
}

impl LocalServer {
    pub(super) fn start(binaries: &Path, log: &Path, durability: Durability) -> Result<Self> {
        let account = Account::for_server()?;
        let home = create_home(account)?;
        // The guard comes first: whatever happens from here on, nothing of the server stays behind.
        let guard = Guard::new(account, STOP, &[binaries.join("pg_ctl").as_os_str(), home.as_os_str()])?;

        let log_file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let run = |program: &str| -> Result<Command> {
            let mut command = Command::new(binaries.join(program));
            command.arg("-D").arg(home.join("data")).current_dir(&home).stdin(Stdio::null());
            command.stdout(log_file.try_clone()?).stderr(log_file.try_clone()?);
            command.process_group(0); // its end is the guard's business, not Ctrl-C's
            if let Some(account) = account {
                account.apply(&mut command);
            }
            Ok(command)
        };

        // Anyone on this machine may connect while it runs: it listens on loopback only and holds nothing but test data.
        let created = run("initdb")?
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"])
            .status()
            .context("cannot run initdb")?;
        ensure!(created.success(), "initdb failed:\n{}", tail(log));

        let port = free_port()?;
        let process = run("postgres")?
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "timezone=UTC"])
            .arg(format!("--port={port}"))
            .arg(format!("--max_connections={CONNECTIONS_MAX}"))
            .args(durability.settings())
            .spawn()
            .context("cannot run postgres")?;

        let mut server = Self { port, process, guard: Some(guard) };
        server.wait_until_ready(&home.join("data"), log)?;
        Ok(server)
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    pub(super) fn wait(&mut self) -> Result<()> {
        let status = self.process.wait()?;
        bail!("PostgreSQL ended by itself: {status}")
    }

    /// Reads what `pg_ctl start --wait` reads: the eighth line of `postmaster.pid` is the server's state.
    fn wait_until_ready(&mut self, data: &Path, log: &Path) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        loop {
            let state = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
            if state.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait()? {
                bail!("postgres ended at once ({status}):\n{}", tail(log));
            }
            ensure!(Instant::now() < deadline, "not ready after {START_SECONDS_MAX} s:\n{}", tail(log));
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        drop(self.guard.take());
        if let Err(error) = self.process.wait() {
            eprintln!("PostgreSQL's end could not be awaited: {error}");
        }
    }
}

/// A folder that only the server's account may enter. The guard removes it.
fn create_home(account: Option<Account>) -> Result<PathBuf> {
    let home = env::temp_dir().join(format!("wharf-postgres-{}", process::id()));
    DirBuilder::new().mode(0o700).create(&home).with_context(|| format!("cannot create {}", home.display()))?;
    if let Some(Account { uid, gid }) = account {
        chown(&home, Some(uid), Some(gid))?;
    }
    Ok(home)
}
