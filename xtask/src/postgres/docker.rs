//! The last resort: a private server in a container, where Docker runs.

use std::{
    ffi::OsStr,
    process::{self, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::{CONNECTIONS_MAX, Durability};
use crate::guard::Guard;

const IMAGE: &str = "postgres:16-alpine";
const START_SECONDS_MAX: u64 = 120;

/// A container that this process started. It ends when this is dropped, or when the process dies.
pub(super) struct Container {
    name: String,
    url: String,
    _guard: Guard,
}

pub(super) fn is_running() -> bool {
    let info = Command::new("docker").arg("info").stdout(Stdio::null()).stderr(Stdio::null()).status();
    info.is_ok_and(|status| status.success())
}

impl Container {
    pub(super) fn start(durability: Durability) -> Result<Self> {
        let name = format!("wharf-postgres-{}", process::id());
        // Removing the container ends the server in it.
        let guard = Guard::new(None, r#"docker rm --force --volumes "$1""#, &[OsStr::new(&name)])?;
        docker(
            Command::new("docker")
                .args(["run", "--detach", "--name", &name, "--publish", "127.0.0.1::5432"])
                .args(["--env", "POSTGRES_HOST_AUTH_METHOD=trust", IMAGE])
                .arg("-c")
                .arg(format!("max_connections={CONNECTIONS_MAX}"))
                .args(durability.settings()),
        )?;
        wait_until_ready(&name)?;
        let address = docker(Command::new("docker").args(["port", &name, "5432/tcp"]))?;
        let address = address.lines().next().context("the container publishes no port")?;
        Ok(Self { url: format!("postgres://postgres@{address}/postgres"), name, _guard: guard })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn wait(&self) -> Result<()> {
        let code = docker(Command::new("docker").args(["wait", &self.name]))?;
        bail!("the container ended by itself with {}", code.trim())
    }
}

/// Asks over TCP: while the image sets itself up, its server answers on a socket file only.
fn wait_until_ready(name: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
    while docker(Command::new("docker").args(["exec", name, "pg_isready", "--host=127.0.0.1"])).is_err() {
        ensure!(Instant::now() < deadline, "the container was not ready after {START_SECONDS_MAX} s");
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn docker(command: &mut Command) -> Result<String> {
    let output = command.output().context("cannot run docker")?;
    ensure!(output.status.success(), "docker: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
