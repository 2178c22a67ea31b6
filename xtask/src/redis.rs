//! A Redis for tests: the one that was given, or a private one that ends with us.

use std::{
    env,
    fs::{self, DirBuilder, File},
    net::TcpStream,
    os::unix::{fs::DirBuilderExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    debian,
    guard::Guard,
    machine::{folders_on_path, free_port, log_path, tail},
};

/// The variable that brings the address to tests, and that may give one from outside.
pub(crate) const TEST_REDIS_URL: &str = "TEST_REDIS_URL";
/// The variable that brings the program to tests that start, kill and restart one of their own.
pub(crate) const TEST_REDIS_SERVER: &str = "TEST_REDIS_SERVER";

const PACKAGE: &str = "redis-server";
const START_SECONDS_MAX: u64 = 20;

/// Ends it, by force if it does not go in 10 s, and removes its folder.
const STOP: &str = r#"
    pid=$(cat "$1/redis.pid" 2>/dev/null)
    if [ -n "$pid" ]; then
        kill -TERM "$pid" 2>/dev/null
        for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -KILL "$pid" 2>/dev/null
    fi
    rm -rf "$1""#;

/// A running Redis.
pub(crate) struct Redis {
    url: String,
    program: Option<PathBuf>,
    /// Where it was started here.
    local: Option<Local>,
}

/// A Redis that this process started. It ends when this is dropped, or when the process dies.
struct Local {
    server: Child,
    guard: Option<Guard>,
}

impl Redis {
    /// Uses the one given in the environment, else this machine's program, else installs Debian's when root.
    pub(crate) fn find_or_start(root: &Path) -> Result<Self> {
        if let Ok(url) = env::var(TEST_REDIS_URL) {
            println!("Redis: the one given in {TEST_REDIS_URL}");
            return Ok(Self { url, program: find_program(), local: None });
        }
        let mut program = find_program();
        if program.is_none() && debian::can_install()? {
            debian::install(PACKAGE)?;
            program = find_program();
        }
        let Some(program) = program else {
            bail!(
                "there is no Redis to test with. One of these helps: set {TEST_REDIS_URL} to one that tests may write to; \
                 install Redis so that {PACKAGE} is on PATH; run as root on Debian"
            )
        };
        let log = log_path(root, "redis")?;
        let (local, port) = Local::start(&program, &log)
            .with_context(|| format!("Redis did not start; its log is {}", log.display()))?;
        println!("Redis: a private one from {}, log in {}", program.display(), log.display());
        Ok(Self { url: format!("redis://127.0.0.1:{port}"), program: Some(program), local: Some(local) })
    }

    /// `redis://…`
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What is run, where it is on this machine.
    pub(crate) fn program(&self) -> Option<&Path> {
        self.program.as_deref()
    }

    /// Waits until a private one ends by itself. One that was given is not ours to wait for.
    pub(crate) fn wait(&mut self) -> Result<()> {
        let Some(local) = &mut self.local else { return Ok(()) };
        let status = local.server.wait()?;
        bail!("Redis ended by itself: {status}")
    }

    /// Whether it was started here and ends with us.
    pub(crate) fn is_private(&self) -> bool {
        self.local.is_some()
    }
}

fn find_program() -> Option<PathBuf> {
    let named = env::var_os(TEST_REDIS_SERVER).map(PathBuf::from);
    named.into_iter().chain(folders_on_path().map(|folder| folder.join(PACKAGE))).find(|program| program.is_file())
}

impl Local {
    /// On loopback, on a port and in a folder of its own, keeping nothing. Returns the port.
    fn start(program: &Path, log: &Path) -> Result<(Self, u16)> {
        let home = env::temp_dir().join(format!("wharf-redis-{}", process::id()));
        DirBuilder::new().mode(0o700).create(&home).with_context(|| format!("cannot create {}", home.display()))?;
        // The guard comes first: whatever happens from here on, nothing of it stays behind.
        let guard = Guard::new(None, STOP, &[home.as_os_str()])?;
        let log_file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let port = free_port()?;
        let mut command = Command::new(program);
        command
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string(), "--dir"])
            .arg(&home)
            .current_dir(&home)
            .stdin(Stdio::null())
            .stdout(log_file.try_clone()?)
            .stderr(log_file)
            .process_group(0); // its end is the guard's business, not Ctrl-C's
        let server = command.spawn().with_context(|| format!("cannot run {}", program.display()))?;
        fs::write(home.join("redis.pid"), server.id().to_string())?;
        let mut local = Self { server, guard: Some(guard) };
        local.wait_until_ready(port, log)?;
        Ok((local, port))
    }

    /// It lets clients in once it can answer them.
    fn wait_until_ready(&mut self, port: u16, log: &Path) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = self.server.try_wait()? {
                bail!("redis-server ended at once ({status}):\n{}", tail(log));
            }
            ensure!(Instant::now() < deadline, "not ready after {START_SECONDS_MAX} s:\n{}", tail(log));
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        drop(self.guard.take());
        if let Err(error) = self.server.wait() {
            eprintln!("Redis' end could not be awaited: {error}");
        }
    }
}
