//! A PostgreSQL for tests and benchmarks: the one that was given, or a private one that ends with us.

mod docker;
mod local;
mod pooler;

use std::{env, os::unix::process::CommandExt, path::Path, process::Command};

use anyhow::{Context, Result, bail};

pub(crate) use self::pooler::{TEST_PGBOUNCER, find_or_install};
use self::{docker::Container, local::LocalServer};
use crate::{
    debian,
    machine::{id, is_root, log_path},
};

/// The variable that brings the server's address to tests and benchmarks, and that may give one from outside.
pub(crate) const TEST_POSTGRES_URL: &str = "TEST_POSTGRES_URL";

/// Enough for every test of a binary to hold a pool of its own.
const CONNECTIONS_MAX: u16 = 200;

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// As in production: what benchmarks measure.
    Durable,
    /// A power cut may lose everything, which no test minds.
    Volatile,
}

/// A running PostgreSQL whose user may create databases.
pub(crate) struct Server {
    url: String,
    kind: Kind,
}

enum Kind {
    Given,
    Local(LocalServer),
    Docker(Container),
}

impl Durability {
    pub(crate) fn from_flag(durable: bool) -> Self {
        if durable { Self::Durable } else { Self::Volatile }
    }

    /// Server settings, as arguments of `postgres`.
    fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Durable => &[],
            Self::Volatile => &["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"],
        }
    }
}

impl Server {
    /// Uses the server given in the environment, else local binaries, else installs Debian's when root, else Docker.
    pub(crate) fn find_or_start(root: &Path, durability: Durability) -> Result<Self> {
        if let Ok(url) = env::var(TEST_POSTGRES_URL) {
            println!("PostgreSQL: the one given in {TEST_POSTGRES_URL}");
            return Ok(Self { url, kind: Kind::Given });
        }
        if let Some(binaries) = local::find_binaries() {
            return Self::start_local(root, &binaries, durability);
        }
        if debian::can_install()? {
            debian::install("postgresql")?;
            let binaries = local::find_binaries().context("Debian's postgresql was installed, but has no initdb")?;
            return Self::start_local(root, &binaries, durability);
        }
        if docker::is_running() {
            let container = Container::start(durability)?;
            println!("PostgreSQL: a private container, {}", container.url());
            return Ok(Self { url: container.url().to_owned(), kind: Kind::Docker(container) });
        }
        bail!(
            "there is no PostgreSQL to test with. One of these helps: set {TEST_POSTGRES_URL} to a server whose user may \
             create databases; install PostgreSQL so that initdb is on PATH; run as root on Debian; start Docker"
        )
    }

    fn start_local(root: &Path, binaries: &Path, durability: Durability) -> Result<Self> {
        let log = log_path(root, "postgres")?;
        let server = LocalServer::start(binaries, &log, durability)
            .with_context(|| format!("PostgreSQL did not start; its log is {}", log.display()))?;
        println!("PostgreSQL: a private server from {}, log in {}", binaries.display(), log.display());
        Ok(Self { url: server.url(), kind: Kind::Local(server) })
    }

    /// `postgres://…`, of a user who may create databases.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Whether it was started here and ends with us.
    pub(crate) fn is_private(&self) -> bool {
        match self.kind {
            Kind::Given => false,
            Kind::Local(_) | Kind::Docker(_) => true,
        }
    }

    /// kill -9, and start it again on the same data and port; only a server of this machine can be treated so.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.local()?.kill()
    }

    pub(crate) fn revive(&mut self) -> Result<()> {
        self.local()?.revive()
    }

    fn local(&mut self) -> Result<&mut LocalServer> {
        match &mut self.kind {
            Kind::Local(server) => Ok(server),
            Kind::Given | Kind::Docker(_) => bail!("this PostgreSQL is not ours to kill; unset {TEST_POSTGRES_URL}"),
        }
    }

    /// Waits until a private server ends by itself. One that was given is not ours to wait for.
    pub(crate) fn wait(&mut self) -> Result<()> {
        match &mut self.kind {
            Kind::Given => Ok(()),
            Kind::Local(server) => server.wait(),
            Kind::Docker(container) => container.wait(),
        }
    }
}

/// An account of this machine that a server runs as.
#[derive(Clone, Copy)]
pub(crate) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// PostgreSQL refuses to run as root, so root hands it to somebody; anyone else runs it himself.
    fn for_server() -> Result<Option<Self>> {
        if !is_root()? {
            return Ok(None);
        }
        let account = ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| Some(Self { uid: id(&["-u", name]).ok()?, gid: id(&["-g", name]).ok()? }));
        account.map(Some).context("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
    }

    pub(crate) fn apply(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}
