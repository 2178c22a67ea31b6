//! A RabbitMQ for tests: the one that was given, or a private one that ends with us.

use std::{
    env,
    fs::{self, DirBuilder, File, OpenOptions},
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

/// The variable that brings the broker's address to tests and benchmarks, and that may give one from outside.
pub(crate) const TEST_RABBITMQ_URL: &str = "TEST_RABBITMQ_URL";
/// The variable that names the program to tests that start a broker of their own, to block it or to kill it.
pub(crate) const TEST_RABBITMQ_SERVER: &str = "TEST_RABBITMQ_SERVER";

const PACKAGE: &str = "rabbitmq-server";
/// Where Debian keeps the script itself. The one on its PATH is a wrapper that wants a user of its own.
const DEBIAN_SCRIPT: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// What the broker says once it is ready.
const READY: &str = "completed with";
const START_SECONDS_MAX: u64 = 90;

/// Ends the broker and its port mapper, by force if they do not go in 10 s, and removes their folder.
const STOP: &str = r#"
    for name in broker epmd; do
        pid=$(cat "$1/$name.pid" 2>/dev/null) || continue
        kill -TERM "$pid" 2>/dev/null
        for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -KILL "$pid" 2>/dev/null
    done
    rm -rf "$1""#;

/// A running RabbitMQ whose user may do anything.
pub(crate) struct Broker {
    url: String,
    /// Where it was started here.
    local: Option<Local>,
}

/// A broker that this process started. It ends when this is dropped, or when the process dies.
struct Local {
    program: Program,
    broker: Child,
    epmd: Child,
    guard: Option<Guard>,
}

/// How the programs of one broker are run.
struct Program {
    script: PathBuf,
    home: PathBuf,
    log: PathBuf,
    port: u16,
    distribution_port: u16,
    epmd_port: u16,
}

impl Broker {
    /// Uses the broker given in the environment, else this machine's programs, else installs Debian's when root.
    pub(crate) fn find_or_start(root: &Path) -> Result<Self> {
        if let Ok(url) = env::var(TEST_RABBITMQ_URL) {
            println!("RabbitMQ: the one given in {TEST_RABBITMQ_URL}");
            return Ok(Self { url, local: None });
        }
        let mut script = find_script();
        if script.is_none() && debian::can_install()? {
            debian::install(PACKAGE)?;
            script = find_script();
        }
        let Some(script) = script else {
            bail!(
                "there is no RabbitMQ to test with. One of these helps: set {TEST_RABBITMQ_URL} to a broker whose user may \
                 do anything; install RabbitMQ so that rabbitmq-server is on PATH; run as root on Debian"
            )
        };
        let log = log_path(root, "rabbitmq")?;
        let (local, port) = Local::start(&script, &log)
            .with_context(|| format!("RabbitMQ did not start; its log is {}", log.display()))?;
        println!("RabbitMQ: a private broker from {}, log in {}", script.display(), log.display());
        Ok(Self { url: format!("amqp://guest:guest@127.0.0.1:{port}/%2f"), local: Some(local) })
    }

    /// `amqp://…`, of a user who may do anything.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What a private broker was started with.
    pub(crate) fn script(&self) -> Option<&Path> {
        self.local.as_ref().map(|local| &*local.program.script)
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.private()?.kill()
    }

    /// Starts it again on the same data and port.
    pub(crate) fn revive(&mut self) -> Result<()> {
        self.private()?.revive()
    }

    fn private(&mut self) -> Result<&mut Local> {
        self.local.as_mut().with_context(|| format!("this RabbitMQ is not ours to kill; unset {TEST_RABBITMQ_URL}"))
    }

    /// Waits until a private broker ends by itself. One that was given is not ours to wait for.
    pub(crate) fn wait(&mut self) -> Result<()> {
        let Some(local) = &mut self.local else { return Ok(()) };
        let status = local.broker.wait()?;
        bail!("RabbitMQ ended by itself: {status}")
    }

    /// Whether it was started here and ends with us.
    pub(crate) fn is_private(&self) -> bool {
        self.local.is_some()
    }
}

fn find_script() -> Option<PathBuf> {
    let on_path = folders_on_path().map(|folder| folder.join(PACKAGE));
    [PathBuf::from(DEBIAN_SCRIPT)].into_iter().chain(on_path).find(|script| script.is_file())
}

impl Local {
    /// With a name, ports and folders of its own; the broker, the port of its distribution and the port mapper listen on
    /// loopback only. Returns the port of AMQP.
    fn start(script: &Path, log: &Path) -> Result<(Self, u16)> {
        let home = env::temp_dir().join(format!("wharf-rabbitmq-{}", process::id()));
        DirBuilder::new().mode(0o700).create(&home).with_context(|| format!("cannot create {}", home.display()))?;
        // The guard comes first: whatever happens from here on, nothing of the broker stays behind.
        let guard = Guard::new(None, STOP, &[home.as_os_str()])?;
        File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let program = Program {
            script: script.to_owned(),
            home,
            log: log.to_owned(),
            port: free_port()?,
            distribution_port: free_port()?,
            epmd_port: free_port()?,
        };
        let port = program.port;
        fs::write(program.home.join("rabbitmq.conf"), format!("listeners.tcp.1 = 127.0.0.1:{port}\n"))?;
        fs::write(program.home.join("plugins"), "[].")?;
        let epmd = program.map_ports()?;
        let mut local = Self { broker: program.serve()?, program, epmd, guard: Some(guard) };
        local.wait_until_ready(0)?;
        Ok((local, port))
    }

    /// With all that it has started.
    fn kill(&mut self) -> Result<()> {
        let group = format!("-{}", self.broker.id());
        let killed = Command::new("kill").args(["-KILL", "--", &group]).status().context("cannot run kill")?;
        ensure!(killed.success(), "RabbitMQ cannot be killed");
        self.broker.wait()?;
        Ok(())
    }

    fn revive(&mut self) -> Result<()> {
        let read = fs::metadata(&self.program.log)?.len();
        self.broker = self.program.serve()?;
        self.wait_until_ready(usize::try_from(read)?)
    }

    /// Looks for what it says once it is ready, in its log from `begin` on.
    fn wait_until_ready(&mut self, begin: usize) -> Result<()> {
        let log = &self.program.log;
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while !fs::read_to_string(log).unwrap_or_default().get(begin..).unwrap_or_default().contains(READY) {
            if let Some(status) = self.broker.try_wait()? {
                bail!("rabbitmq-server ended at once ({status}):\n{}", tail(log));
            }
            ensure!(Instant::now() < deadline, "not ready after {START_SECONDS_MAX} s:\n{}", tail(log));
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Program {
    fn command(&self, program: &Path) -> Result<Command> {
        let log = OpenOptions::new().append(true).open(&self.log)?;
        let mut command = Command::new(program);
        command.current_dir(&self.home).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.process_group(0); // its end is the guard's business, not Ctrl-C's
        Ok(command)
    }

    fn map_ports(&self) -> Result<Child> {
        let mut epmd = self.command(Path::new("epmd"))?;
        epmd.args(["-address", "127.0.0.1", "-port", &self.epmd_port.to_string()]);
        let epmd = epmd.spawn().context("cannot run epmd, which comes with Erlang")?;
        fs::write(self.home.join("epmd.pid"), epmd.id().to_string())?;
        Ok(epmd)
    }

    fn serve(&self) -> Result<Child> {
        let Self { home, port, .. } = self;
        let mut broker = self.command(&self.script)?;
        let broker = broker
            .env("HOME", home)
            .env("RABBITMQ_NODENAME", format!("wharf{port}@localhost"))
            .env("RABBITMQ_NODE_PORT", port.to_string())
            .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_CONFIG_FILE", home.join("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", home.join("plugins"))
            .env("RABBITMQ_MNESIA_BASE", home.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", home.join("log"))
            .spawn()
            .context("cannot run rabbitmq-server")?;
        fs::write(home.join("broker.pid"), broker.id().to_string())?;
        Ok(broker)
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        drop(self.guard.take());
        for child in [&mut self.broker, &mut self.epmd] {
            if let Err(error) = child.wait() {
                eprintln!("RabbitMQ's end could not be awaited: {error}");
            }
        }
    }
}
