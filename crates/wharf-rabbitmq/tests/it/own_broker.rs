//! A RabbitMQ of a test's own, set up as no other test would have it.

use std::{
    env, fs,
    io::{self, Write},
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

const PROGRAM: &str = "rabbitmq-server";
/// Where Debian keeps the script itself. The one on its PATH is a wrapper that wants a user of its own.
const DEBIAN_SCRIPT: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// What it says once it is ready.
const READY: &str = "completed with";
const START_SECONDS_MAX: u64 = 90;

/// Waits for the end of the pipe of which only we hold the other end, however we end.
const STOP: &str = r#"read -r _; kill -9 "-$1" "-$2"; rm -rf "$3""#;

/// Listens on loopback only, with a name, ports and folders of its own. Ends when it is dropped, or when the test's process
/// dies.
pub(crate) struct OwnBroker {
    port: u16,
    broker: Child,
    epmd: Child,
    guard: Child,
}

impl OwnBroker {
    /// With these settings of the Erlang application `rabbit`. `None`, and said so aloud, where there is no RabbitMQ.
    pub(crate) fn start(settings: &[(&str, u64)]) -> Option<Self> {
        let Some(program) = find() else {
            // Not `eprintln!`, which a test that passes keeps to itself.
            let why = "SKIPPED: there is no rabbitmq-server, so nothing was tested on a broker set up otherwise\n";
            io::stderr().write_all(why.as_bytes()).unwrap();
            return None;
        };
        let home = tempfile::tempdir().unwrap();
        let [port, distribution_port, epmd_port] = free_ports();
        fs::write(home.path().join("rabbitmq.conf"), format!("listeners.tcp.1 = 127.0.0.1:{port}\n")).unwrap();
        fs::write(home.path().join("plugins"), "[].").unwrap();
        let log = home.path().join("log");
        let output = fs::File::create(&log).unwrap();
        let command = |program: &Path| {
            let mut command = Command::new(program);
            command.current_dir(home.path()).stdin(Stdio::null()).process_group(0);
            command.stdout(output.try_clone().unwrap()).stderr(output.try_clone().unwrap());
            command
        };
        let mut epmd = command(Path::new("epmd"));
        let epmd = epmd.args(["-address", "127.0.0.1", "-port", &epmd_port.to_string()]).spawn().unwrap();
        let settings = settings.iter().map(|(name, value)| format!(" -rabbit {name} {value}")).collect::<String>();
        let file = |name: &str| home.path().join(name);
        let broker = command(&program)
            .env("HOME", home.path())
            .env("RABBITMQ_NODENAME", format!("wharf{port}@localhost"))
            .env("RABBITMQ_NODE_PORT", port.to_string())
            .env("RABBITMQ_DIST_PORT", distribution_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", epmd_port.to_string())
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                format!("-kernel inet_dist_use_interface {{127,0,0,1}}{settings}"),
            )
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", file("plugins"))
            .env("RABBITMQ_MNESIA_BASE", file("mnesia"))
            .env("RABBITMQ_LOG_BASE", file("logs"))
            .spawn()
            .unwrap();
        let mut guard = Command::new("sh");
        guard.args(["-c", STOP, "guard"]).args([broker.id().to_string(), epmd.id().to_string()]).arg(home.path());
        let guard = guard.current_dir("/").stdin(Stdio::piped()).process_group(0).spawn().unwrap();
        let broker = Self { port, broker, epmd, guard };
        broker.await_start(&log, home);
        Some(broker)
    }

    /// The folder is the guard's from here on.
    fn await_start(&self, log: &Path, home: TempDir) {
        let _ = home.keep();
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while !fs::read_to_string(log).unwrap_or_default().contains(READY) {
            assert!(Instant::now() < deadline, "not ready: {}", fs::read_to_string(log).unwrap_or_default());
            std::thread::yield_now();
        }
    }

    /// `amqp://…`, of a user who may do anything.
    pub(crate) fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        for child in [&mut self.guard, &mut self.broker, &mut self.epmd] {
            let _ = child.wait();
        }
    }
}

fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join(PROGRAM));
    [PathBuf::from(DEBIAN_SCRIPT)].into_iter().chain(on_path).find(|program| program.is_file())
}

/// All bound at once, so that they differ.
fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
