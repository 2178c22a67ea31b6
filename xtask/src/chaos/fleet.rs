//! The shop's processes: two APIs and two workers, each started again whenever it has ended, as any supervisor would.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::plan::PROCESSES;
use crate::{guard::Guard, machine::free_port};

/// How soon one that ended by itself is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// How long one that was asked to stop may take: the deadline of its handlers, what it waits for those that cannot be
/// cancelled, and for its connections, and a little.
const STOP_MAX: Duration = Duration::from_secs(60);

/// Kills whatever has left its number.
const STOP: &str = r#"for file in "$1"/*.pid; do kill -KILL "$(cat "$file")" 2>/dev/null; done; rm -rf "$1""#;

/// Everything that is run of the program, in a folder of its own.
pub(super) struct Fleet {
    program: PathBuf,
    home: PathBuf,
    logs: PathBuf,
    /// In the order APIs, workers.
    members: Vec<Member>,
    /// Those that were asked to stop, and since when.
    leaving: Vec<(Child, Instant)>,
    /// How many of them did not.
    pub(super) never_stopped: u64,
    /// How often one ended by itself: for one that starts while its database is away that is as it should be.
    pub(super) ended_by_themselves: u64,
    _guard: Guard,
}

struct Member {
    name: String,
    args: Vec<String>,
    /// `None` while it is meant to be down.
    child: Option<Child>,
    start_at: Option<Instant>,
}

impl Fleet {
    /// Nothing runs yet. `settings` is their `orderly.toml`.
    pub(super) fn new(program: PathBuf, home: PathBuf, logs: PathBuf, settings: &str) -> Result<Self> {
        fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
        fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
        let guard = Guard::new(None, STOP, &[home.as_os_str()])?;
        fs::write(home.join("orderly.toml"), settings)?;
        let mut members = Vec::new();
        for nth in 1..=PROCESSES {
            let address = format!("127.0.0.1:{}", free_port()?);
            members.push(Member::new(format!("api-{nth}"), &["api", "--listen", &address]));
        }
        members.extend((1..=PROCESSES).map(|nth| Member::new(format!("worker-{nth}"), &["worker"])));
        Ok(Self {
            program,
            home,
            logs,
            members,
            leaving: Vec::new(),
            never_stopped: 0,
            ended_by_themselves: 0,
            _guard: guard,
        })
    }

    /// Starts all of them, one after another.
    pub(super) fn start(&mut self) -> Result<()> {
        let migrated = self.command("migrate", &["migrate"])?.status().context("cannot run orderly")?;
        ensure!(migrated.success(), "the database could not be migrated; see {}", self.log("migrate").display());
        (0..self.members.len()).try_for_each(|member| self.revive(member))
    }

    /// The addresses of the APIs, as `--api` takes them.
    pub(super) fn addresses(&self) -> String {
        let apis = self.members.iter().take(PROCESSES).filter_map(|api| api.args.last());
        apis.map(|address| format!("http://{address}")).collect::<Vec<_>>().join(",")
    }

    pub(super) fn api(nth: usize) -> usize {
        nth
    }

    pub(super) fn worker(nth: usize) -> usize {
        PROCESSES + nth
    }

    /// kill -9.
    pub(super) fn kill(&mut self, member: usize) -> Result<()> {
        let member = &mut self.members[member];
        member.start_at = None;
        if let Some(mut child) = member.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// SIGTERM: it ends by itself, while another may take its place.
    pub(super) fn stop(&mut self, member: usize) -> Result<()> {
        let member = &mut self.members[member];
        member.start_at = None;
        if let Some(child) = member.child.take() {
            Command::new("kill").args(["-TERM", &child.id().to_string()]).status().context("cannot run kill")?;
            self.leaving.push((child, Instant::now()));
        }
        Ok(())
    }

    /// Has it killed with the rest, however we end.
    pub(super) fn guard(&self, name: &str, child: &Child) -> Result<()> {
        Ok(fs::write(self.home.join(format!("{name}-{}.pid", child.id())), child.id().to_string())?)
    }

    /// Starts one that does not run.
    pub(super) fn revive(&mut self, member: usize) -> Result<()> {
        let Member { name, args, child, .. } = &self.members[member];
        if child.is_some() {
            return Ok(());
        }
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let child = self.command(name, &args)?.spawn().context("cannot run orderly")?;
        self.guard(name, &child)?;
        self.members[member].child = Some(child);
        self.members[member].start_at = None;
        Ok(())
    }

    /// Starts again whoever has ended by itself, and sees to those that were asked to stop.
    pub(super) fn tend(&mut self) -> Result<()> {
        let mut still = Vec::new();
        for (mut child, since) in self.leaving.drain(..) {
            match child.try_wait()? {
                Some(_) => {}
                None if since.elapsed() < STOP_MAX => still.push((child, since)),
                None => {
                    self.never_stopped += 1;
                    child.kill()?;
                    child.wait()?;
                }
            }
        }
        self.leaving = still;
        for nth in 0..self.members.len() {
            let member = &mut self.members[nth];
            if let Some(child) = &mut member.child
                && child.try_wait()?.is_some()
            {
                member.child = None;
                member.start_at = Some(Instant::now() + RESTART_PAUSE);
                self.ended_by_themselves += 1;
            }
            if self.members[nth].start_at.is_some_and(|at| at <= Instant::now()) {
                self.revive(nth)?;
            }
        }
        Ok(())
    }

    /// The program, with the fleet's settings and its log.
    pub(super) fn command(&self, name: &str, args: &[&str]) -> Result<Command> {
        let log = OpenOptions::new().create(true).append(true).open(self.log(name))?;
        let mut command = Command::new(&self.program);
        command.args(args).arg("--data").arg(self.home.join("data")).current_dir(&self.home);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    /// Runs it to its end and gives what it answered on stdout, and whether it was content.
    pub(super) fn ask(&self, name: &str, args: &[&str], database: &str) -> Result<(String, bool)> {
        let errors = File::create(self.log(name))?;
        let mut command = self.command(name, args)?;
        let output = command.env("DATABASE_URL", database).stdout(Stdio::piped()).stderr(errors).output()?;
        Ok((String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success()))
    }

    /// What its processes logged of deliveries that they gave up.
    pub(super) fn letters(&self) -> Vec<String> {
        let logs = self.members.iter().filter_map(|member| fs::read_to_string(self.log(&member.name)).ok());
        let given_up = ["delivery dead-lettered", "delivery quarantined", "message is too old"];
        let lines = logs.flat_map(|log| log.lines().map(str::to_owned).collect::<Vec<_>>());
        lines.filter(|line| given_up.iter().any(|words| line.contains(words))).collect()
    }

    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    pub(super) fn logs(&self) -> &Path {
        &self.logs
    }
}

impl Member {
    fn new(name: String, args: &[&str]) -> Self {
        Self { name, args: args.iter().map(|&arg| arg.to_owned()).collect(), child: None, start_at: None }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let members = self.members.iter_mut().filter_map(|member| member.child.as_mut());
        for child in members.chain(self.leaving.iter_mut().map(|(child, _)| child)) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
