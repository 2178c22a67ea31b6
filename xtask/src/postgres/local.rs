//! A private server from binaries of this machine: loopback only, a free port, a folder of its own.

use std::{
    env,
    fs::{self, DirBuilder, File, OpenOptions},
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
    program: Program,
    port: u16,
    process: Child,
    guard: Option<Guard>,
}

/// How the programs of one server are run.
struct Program {
    binaries: PathBuf,
    home: PathBuf,
    log: PathBuf,
    account: Option<Account>,
    durability: Durability,
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

        File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let program = Program { binaries: binaries.to_owned(), home, log: log.to_owned(), account, durability };

        // Anyone on this machine may connect while it runs: it listens on loopback only and holds nothing but test data.
        let created = program
            .command("initdb")?
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"])
            .status()
            .context("cannot run initdb")?;
        ensure!(created.success(), "initdb failed:\n{}", tail(log));

        let port = free_port()?;
        let process = program.serve(port)?;
        let mut server = Self { program, port, process, guard: Some(guard) };
        ensure!(server.wait_until_ready()?, "postgres ended at once:\n{}", tail(log));
        Ok(server)
    }

    /// kill -9: what was committed stays, and whatever was under way is lost.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Starts it again on the same data and the same port.
    pub(super) fn revive(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        loop {
            self.process = self.program.serve(self.port)?;
            // While processes of the killed one are still about, a new one ends at once.
            if self.wait_until_ready()? {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "postgres does not start again:\n{}", tail(&self.program.log));
            thread::sleep(Duration::from_millis(100));
        }
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    pub(super) fn wait(&mut self) -> Result<()> {
        let status = self.process.wait()?;
        bail!("PostgreSQL ended by itself: {status}")
    }

    /// Reads what `pg_ctl start --wait` reads: the first line of `postmaster.pid` is the server's process, and the eighth
    /// its state. `false` if it ended.
    fn wait_until_ready(&mut self) -> Result<bool> {
        let pid = self.process.id().to_string();
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        loop {
            let file = fs::read_to_string(self.program.home.join("data/postmaster.pid")).unwrap_or_default();
            let lines: Vec<_> = file.lines().map(str::trim).collect();
            if lines.first() == Some(&pid.as_str()) && lines.get(7) == Some(&"ready") {
                return Ok(true);
            }
            if self.process.try_wait()?.is_some() {
                return Ok(false);
            }
            ensure!(Instant::now() < deadline, "not ready after {START_SECONDS_MAX} s:\n{}", tail(&self.program.log));
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Program {
    fn command(&self, name: &str) -> Result<Command> {
        let log = OpenOptions::new().append(true).open(&self.log)?;
        let mut command = Command::new(self.binaries.join(name));
        command.arg("-D").arg(self.home.join("data")).current_dir(&self.home).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        command.process_group(0); // its end is the guard's business, not Ctrl-C's
        if let Some(account) = self.account {
            account.apply(&mut command);
        }
        Ok(command)
    }

    fn serve(&self, port: u16) -> Result<Child> {
        self.command("postgres")?
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "timezone=UTC"])
            .arg(format!("--port={port}"))
            .arg(format!("--max_connections={CONNECTIONS_MAX}"))
            .args(self.durability.settings())
            .spawn()
            .context("cannot run postgres")
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
