//! Debian's own packages, for a machine that has only Rust: installed without letting them start servers of their own.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{
    guard::Guard,
    machine::{is_on_path, is_root},
};

/// Where packages ask whether they may start what they install; 101 means no.
const POLICY: &str = "/usr/sbin/policy-rc.d";
const POLICY_FORBIDS: &str = "#!/bin/sh\nexit 101\n";

/// Where the package asks whether to set up a cluster that starts with the machine.
const CLUSTER: &str = "/etc/postgresql-common/createcluster.conf";
const CLUSTER_NONE: &str = "create_main_cluster = false\n";

pub(crate) fn can_install() -> Result<bool> {
    Ok(is_on_path("apt-get") && is_root()?)
}

pub(crate) fn install(package: &str) -> Result<()> {
    println!("{package}: none here, installing Debian's package");
    let _policy = forbid_starting()?;
    if !Path::new(CLUSTER).exists() {
        fs::create_dir_all("/etc/postgresql-common")?;
        fs::write(CLUSTER, CLUSTER_NONE).with_context(|| format!("cannot write {CLUSTER}"))?;
    }
    apt_get(&["update"])?;
    // `confold` keeps the file just written instead of asking about it.
    apt_get(&["install", "--yes", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", package])
}

/// Holds until dropped. A machine that already has a policy keeps its own.
fn forbid_starting() -> Result<Option<Guard>> {
    if Path::new(POLICY).exists() {
        return Ok(None);
    }
    let guard = Guard::new(None, r#"rm -f "$1""#, &[OsStr::new(POLICY)])?;
    fs::write(POLICY, POLICY_FORBIDS).with_context(|| format!("cannot write {POLICY}"))?;
    fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
    Ok(Some(guard))
}

fn apt_get(args: &[&str]) -> Result<()> {
    let status = Command::new("apt-get")
        .arg("--quiet")
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .status()
        .context("cannot run apt-get")?;
    ensure!(status.success(), "apt-get {} failed", args.join(" "));
    Ok(())
}
