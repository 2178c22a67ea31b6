//! A broker of the tests' own, which they may block, kill and start again: everything on loopback, in a folder of its own.

use std::{
    array, env, fs,
    io::{self, BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
};

use tempfile::TempDir;
use tokio::sync::oneshot;

const DEBIAN_SCRIPT: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// What the broker says once it is ready.
const READY: &str = "completed with";

/// Runs a program, and all that it starts, until the pipe of which only we hold the other end is closed, however we end.
const RUN: &str = r#"setsid "$@" & program=$!; read -r _; kill -KILL -"$program"; wait"#;

/// The password `guest`, as RabbitMQ keeps it.
const PASSWORD: &str = "d3JoZjhneRItk/gdJ7aibc4KkvgN6aWpgaj185koUYE1rkAr";

/// By which nodes know that they belong together.
const COOKIE: &str = "PRIVATE";

/// Whoever lacks one right, by name: what it may configure, write and read.
const USERS: [(&str, [&str; 3]); 4] = [
    ("guest", [".*", ".*", ".*"]),
    ("no-configure", ["^$", ".*", ".*"]),
    ("no-write", [".*", "^$", ".*"]),
    ("no-read", [".*", ".*", "^$"]),
];

/// Ends when it is dropped, or when the test's process dies.
pub(crate) struct Private {
    script: PathBuf,
    home: TempDir,
    port: u16,
    tls_port: u16,
    epmd_port: u16,
    /// Of the Erlang application `rabbit`, as arguments.
    settings: String,
    epmd: Arc<Running>,
    broker: Option<Running>,
}

struct Running(Child);

impl Private {
    /// `None`, and said so aloud, where there is no RabbitMQ to start.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// Several that make one cluster.
    pub(crate) async fn start_cluster<const NODES: usize>() -> Option<[Self; NODES]> {
        let mut nodes = vec![Self::start().await?];
        while nodes.len() < NODES {
            let next = Self::start_beside(&[], nodes.first()).await?;
            nodes.push(next);
        }
        let mut nodes = nodes.into_iter();
        Some(array::from_fn(|_| nodes.next().unwrap()))
    }

    /// With these settings of the Erlang application `rabbit`.
    pub(crate) async fn start_with(settings: &[(&str, u64)]) -> Option<Self> {
        Self::start_beside(settings, None).await
    }

    /// As one more node of the cluster that `first` belongs to.
    async fn start_beside(settings: &[(&str, u64)], first: Option<&Self>) -> Option<Self> {
        let Some(script) = find() else {
            // Not `eprintln!`, which a test that passes keeps to itself.
            let why =
                "SKIPPED: there is no rabbitmq-server here, so nothing was tested on a broker of the test's own\n";
            io::stderr().write_all(why.as_bytes()).unwrap();
            return None;
        };
        let home = tempfile::tempdir().unwrap();
        let [port, tls_port] = [(); 2].map(|()| free_port());
        let epmd_port = first.map_or_else(free_port, |first| first.epmd_port);
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let write = |name: &str, text: String| fs::write(home.path().join(name), text).unwrap();
        write("cert.pem", certified.cert.pem());
        write("key.pem", certified.signing_key.serialize_pem());
        write("plugins", "[].".to_owned());
        write(".erlang.cookie", COOKIE.to_owned());
        fs::set_permissions(home.path().join(".erlang.cookie"), fs::Permissions::from_mode(0o400)).unwrap();
        write("definitions.json", definitions().to_string());
        let place = home.path().display();
        let cluster = first.map_or_else(String::new, |first| {
            let name = |nth: u8, port: u16| format!("cluster_formation.classic_config.nodes.{nth} = {}\n", node(port));
            format!("{}{}", name(1, first.port), name(2, port))
        });
        write(
            "rabbitmq.conf",
            format!(
                "listeners.tcp.1 = 127.0.0.1:{port}\nlisteners.ssl.1 = 127.0.0.1:{tls_port}\n\
                 ssl_options.certfile = {place}/cert.pem\nssl_options.keyfile = {place}/key.pem\n\
                 load_definitions = {place}/definitions.json\n{cluster}"
            ),
        );
        let epmd = first.map_or_else(|| start_epmd(home.path(), epmd_port), |first| Arc::clone(&first.epmd));
        let settings = settings.iter().map(|(name, value)| format!(" -rabbit {name} {value}")).collect();
        let mut private = Self { script, home, port, tls_port, epmd_port, settings, epmd, broker: None };
        private.begin().await;
        Some(private)
    }

    /// Starts what is not running, on the data that is there.
    pub(crate) async fn begin(&mut self) {
        let home = self.home.path().to_owned();
        let mut broker = shell(&self.script, &home);
        self.environment(&mut broker)
            .env("RABBITMQ_DIST_PORT", free_port().to_string())
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                format!("-kernel inet_dist_use_interface {{127,0,0,1}}{}", self.settings),
            )
            .env("RABBITMQ_CONFIG_FILE", home.join("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", home.join("plugins"))
            .env("RABBITMQ_MNESIA_BASE", home.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", home.join("log"));
        let mut broker = broker.stdout(Stdio::piped()).spawn().unwrap();
        let (tell, told) = oneshot::channel();
        let mut tell = Some(tell);
        let lines = BufReader::new(broker.stdout.take().unwrap()).lines();
        self.broker = Some(Running(broker));
        // Reads on until the end, so that the broker never waits for somebody to listen.
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if line.contains(READY) {
                    tell.take().map(|tell| tell.send(()));
                }
            }
        });
        let out = || fs::read_to_string(home.join("out")).unwrap_or_default();
        told.await.unwrap_or_else(|_| panic!("RabbitMQ does not start: {}", out()));
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        drop(self.broker.take());
    }

    /// As an operator of it: `rabbitmqctl`, and what it says.
    pub(crate) async fn control(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(self.script.with_file_name("rabbitmqctl"));
        self.environment(&mut command).args(arguments).stdin(Stdio::null());
        let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// Its name among the nodes of its cluster.
    pub(crate) fn node(&self) -> String {
        node(self.port)
    }

    /// Where a user is let in.
    pub(crate) fn url(&self, user: &str) -> String {
        format!("amqp://{user}:guest@127.0.0.1:{}/%2f", self.port)
    }

    pub(crate) fn tls_address(&self) -> String {
        format!("guest:guest@127.0.0.1:{}/%2f", self.tls_port)
    }

    /// Who signed the certificate that it shows.
    pub(crate) fn authorities(&self) -> PathBuf {
        self.home.path().join("cert.pem")
    }

    fn environment<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("HOME", self.home.path())
            .env("RABBITMQ_NODENAME", self.node())
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

fn node(port: u16) -> String {
    format!("private{port}@localhost")
}

/// What tells the nodes of a machine apart.
fn start_epmd(home: &Path, port: u16) -> Arc<Running> {
    let mut epmd = shell(Path::new("epmd"), home);
    epmd.args(["-address", "127.0.0.1", "-port", &port.to_string()]);
    Arc::new(Running(epmd.spawn().unwrap()))
}

fn shell(program: &Path, home: &Path) -> Command {
    let mut shell = Command::new("sh");
    let out = fs::File::options().create(true).append(true).open(home.join("out")).unwrap();
    shell.args(["-c", RUN, "private"]).arg(program).current_dir(home);
    shell.stdin(Stdio::piped()).stdout(out.try_clone().unwrap()).stderr(out);
    shell
}

/// The one that `cargo xtask test` found or installed, else any of this machine's.
fn find() -> Option<PathBuf> {
    if let Some(given) = env::var_os("TEST_RABBITMQ_SERVER") {
        return Some(PathBuf::from(given));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join("rabbitmq-server"));
    // The one on Debian's PATH is a wrapper that wants a user of its own.
    [PathBuf::from(DEBIAN_SCRIPT)].into_iter().chain(on_path).find(|script| script.is_file())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn definitions() -> serde_json::Value {
    let user = |(name, _): &(&str, [&str; 3])| {
        serde_json::json!({
            "name": name, "password_hash": PASSWORD, "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": "administrator",
        })
    };
    let permission = |(name, [configure, write, read]): &(&str, [&str; 3])| serde_json::json!({"user": name, "vhost": "/", "configure": configure, "write": write, "read": read});
    let mut users: Vec<_> = USERS.iter().map(user).collect();
    users.push(user(&("no-vhost", [""; 3])));
    serde_json::json!({
        "users": users,
        "vhosts": [{"name": "/"}],
        "permissions": USERS.iter().map(permission).collect::<Vec<_>>(),
    })
}
