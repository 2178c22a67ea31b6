//! A RabbitMQ for tests: the one that was given, or a private one that ends with us.

use std::{
    env,
    fs::{self, DirBuilder, File},
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
    broker: Child,
    epmd: Child,
    guard: Option<Guard>,
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
        let (port, distribution_port, epmd_port) = (free_port()?, free_port()?, free_port()?);
        fs::write(home.join("rabbitmq.conf"), format!("listeners.tcp.1 = 127.0.0.1:{port}\n"))?;
        fs::write(home.join("plugins"), "[].")?;

        let log_file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let command = |program: &Path| -> Result<Command> {
            let mut command = Command::new(program);
            command.current_dir(&home).stdin(Stdio::null());
            command.stdout(log_file.try_clone()?).stderr(log_file.try_clone()?);
            command.process_group(0); // its end is the guard's business, not Ctrl-C's
            Ok(command)
        };
        let mut epmd = command(Path::new("epmd"))?;
        epmd.args(["-address", "127.0.0.1", "-port", &epmd_port.to_string()]);
        let epmd = epmd.spawn().context("cannot run epmd, which comes with Erlang")?;
        fs::write(home.join("epmd.pid"), epmd.id().to_string())?;

        let mut broker = command(script)?;
        let broker = broker
            .env("HOME", &home)
            .env("RABBITMQ_NODENAME", format!("wharf{port}@localhost"))
            .env("RABBITMQ_NODE_PORT", port.to_string())
            .env("RABBITMQ_DIST_PORT", distribution_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", epmd_port.to_string())
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_CONFIG_FILE", home.join("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", home.join("plugins"))
            .env("RABBITMQ_MNESIA_BASE", home.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", home.join("log"))
            .spawn()
            .context("cannot run rabbitmq-server")?;
        fs::write(home.join("broker.pid"), broker.id().to_string())?;

        let mut local = Self { broker, epmd, guard: Some(guard) };
        local.wait_until_ready(log)?;
        Ok((local, port))
    }

    fn wait_until_ready(&mut self, log: &Path) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while !fs::read_to_string(log).unwrap_or_default().contains(READY) {
            if let Some(status) = self.broker.try_wait()? {
                bail!("rabbitmq-server ended at once ({status}):\n{}", tail(log));
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
        for child in [&mut self.broker, &mut self.epmd] {
            if let Err(error) = child.wait() {
                eprintln!("RabbitMQ's end could not be awaited: {error}");
            }
        }
    }
}
