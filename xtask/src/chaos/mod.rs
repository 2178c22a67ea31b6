//! `cargo xtask chaos`: orders flow through two APIs and two workers on PostgreSQL and RabbitMQ, while a plan drawn from
//! the seed kills and brings back whatever there is. In the end nothing may be lost, doubled or wrong.

mod fleet;
mod plan;
mod proxy;

use std::{
    collections::BTreeMap,
    env,
    path::Path,
    process::{self, Child, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use self::{
    fleet::Fleet,
    plan::{Blow, Step, Way},
    proxy::{Pace, Proxy},
};
use crate::{
    cargo,
    machine::log_path,
    postgres::{Durability, Server},
    rabbitmq::Broker,
};

/// How often the processes are looked after.
const TICK: Duration = Duration::from_millis(50);
/// How long the orders that are under way when peace begins may take to their end.
const PEACE_MAX: Duration = Duration::from_secs(600);
/// More than can be placed.
const ORDERS_MAX: &str = "10000000";

/// What is run, where, and what was done to it.
struct Theatre {
    server: Server,
    broker: Broker,
    to_database: Proxy,
    to_broker: Proxy,
    fleet: Fleet,
    done: BTreeMap<&'static str, u64>,
}

pub(crate) fn run(root: &Path, seed: u64, minutes: u64) -> Result<ExitCode> {
    ensure!(minutes > 0, "--minutes must be at least 1");
    let lasting = Duration::from_secs(minutes * 60);
    let program = build(root)?;
    println!("seed {seed}, {minutes} min");
    let mut theatre = Theatre::open(root, &program, seed)?;
    theatre.fleet.start()?;
    let mut customers = theatre.send_customers(seed, lasting)?;
    theatre.play(plan::draw(seed, lasting), &mut customers)?;
    theatre.wait_for(&mut customers)?;
    let answer = customers.wait_with_output().context("the customers' answer cannot be read")?;
    let verdict = theatre.judge(&String::from_utf8_lossy(&answer.stdout), answer.status.success())?;
    println!("logs in {}", theatre.fleet.logs().display());
    if verdict.is_empty() {
        println!("verdict: PASS, nothing lost, doubled or wrong");
        return Ok(ExitCode::SUCCESS);
    }
    verdict.iter().for_each(|wrong| println!("wrong: {wrong}"));
    println!("verdict: FAIL, seed {seed}");
    Ok(ExitCode::FAILURE)
}

/// In release: what is tested is what is run.
fn build(root: &Path) -> Result<std::path::PathBuf> {
    let built =
        cargo(root).args(["build", "--release", "--package", "orderly"]).status().context("cannot run cargo")?;
    ensure!(built.success(), "orderly does not build");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    Ok(target.join("release/orderly"))
}

impl Theatre {
    fn open(root: &Path, program: &Path, seed: u64) -> Result<Self> {
        let server = Server::find_or_start(root, Durability::Durable)?;
        let broker = Broker::find_or_start(root)?;
        let to_database = Proxy::to(port(server.url())?)?;
        let to_broker = Proxy::to(port(broker.url())?)?;
        let logs = log_path(root, &format!("chaos-{seed}"))?.with_extension("");
        let home = env::temp_dir().join(format!("orderly-chaos-{}", process::id()));
        if logs.exists() {
            std::fs::remove_dir_all(&logs)?;
        }
        let database = by_way_of(server.url(), &to_database)?;
        let settings = settings(seed, &database, &by_way_of(broker.url(), &to_broker)?);
        let fleet = Fleet::new(program.to_owned(), home, logs, &settings)?;
        Ok(Self { server, broker, to_database, to_broker, fleet, done: BTreeMap::new() })
    }

    /// Customers who order for so long, and then wait until each order is at its end. They stand outside: what cuts the
    /// shop off does not touch how they look at it.
    fn send_customers(&self, seed: u64, lasting: Duration) -> Result<Child> {
        let (apis, seed, lasting) = (self.fleet.addresses(), seed.to_string(), format!("{}s", lasting.as_secs()));
        let args = ["demo", "--api", &apis, "--orders", ORDERS_MAX, "--for", &lasting, "--seed", &seed, "--json"];
        let mut command = self.fleet.command("customers", &args)?;
        command.env("DATABASE_URL", self.server.url()).stdout(Stdio::piped());
        let customers = command.spawn().context("cannot run orderly demo")?;
        self.fleet.guard("customers", &customers)?;
        Ok(customers)
    }

    fn play(&mut self, steps: Vec<Step>, customers: &mut Child) -> Result<()> {
        let begun = Instant::now();
        let mut recoveries: Vec<(Duration, Blow)> = Vec::new();
        let mut steps = steps.into_iter().peekable();
        while steps.peek().is_some() || !recoveries.is_empty() {
            let now = begun.elapsed();
            while let Some(due) = recoveries.iter().position(|(at, _)| *at <= now) {
                let (_, blow) = recoveries.remove(due);
                self.recover(blow)?;
            }
            if let Some(step) = steps.next_if(|step| step.at <= now) {
                // A server takes its time to come back, and may not be there yet.
                if recoveries.iter().any(|(_, blow)| blow.target() == step.blow.target()) {
                    continue;
                }
                println!("{step}");
                self.strike(step.blow)?;
                recoveries.push((begun.elapsed() + step.lasts, step.blow));
            }
            self.fleet.tend()?;
            if let Some(status) = customers.try_wait()? {
                bail!("the customers gave up ({status}); see {}", self.fleet.log("customers").display());
            }
            thread::sleep(TICK);
        }
        Ok(())
    }

    /// Peace: everything runs, until every order is at its end.
    fn wait_for(&mut self, customers: &mut Child) -> Result<()> {
        println!("peace: waiting for the orders under way");
        let deadline = Instant::now() + PEACE_MAX;
        while customers.try_wait()?.is_none() {
            if Instant::now() > deadline {
                customers.kill()?;
                println!("the orders were not at their end after {} s of peace", PEACE_MAX.as_secs());
            }
            self.fleet.tend()?;
            thread::sleep(TICK);
        }
        Ok(())
    }

    fn strike(&mut self, blow: Blow) -> Result<()> {
        *self.done.entry(blow.kind()).or_default() += 1;
        match blow {
            Blow::KillWorker(nth) => self.fleet.kill(Fleet::worker(nth)),
            Blow::StopWorker(nth) => self.fleet.stop(Fleet::worker(nth)),
            Blow::KillApi(nth) => self.fleet.kill(Fleet::api(nth)),
            Blow::KillBroker => self.broker.kill(),
            Blow::KillDatabase => self.server.kill(),
            Blow::Cut(way) => {
                self.way(way).cut();
                Ok(())
            }
            Blow::Stall(way) => {
                self.way(way).set(Pace::Stalled);
                Ok(())
            }
            Blow::Slow(way) => {
                self.way(way).set(Pace::Slow);
                Ok(())
            }
        }
    }

    fn recover(&mut self, blow: Blow) -> Result<()> {
        match blow {
            Blow::KillWorker(nth) | Blow::StopWorker(nth) => self.fleet.revive(Fleet::worker(nth)),
            Blow::KillApi(nth) => self.fleet.revive(Fleet::api(nth)),
            Blow::KillBroker => self.broker.revive(),
            Blow::KillDatabase => self.server.revive(),
            Blow::Cut(_) => Ok(()),
            Blow::Stall(way) | Blow::Slow(way) => {
                self.way(way).set(Pace::Free);
                Ok(())
            }
        }
    }

    fn way(&self, way: Way) -> &Proxy {
        match way {
            Way::ToDatabase => &self.to_database,
            Way::ToBroker => &self.to_broker,
        }
    }

    /// Tells what was done and what it came to, and returns all that is wrong.
    fn judge(&self, answer: &str, were_content: bool) -> Result<Vec<String>> {
        let mut wrong = Vec::new();
        println!("\ndone to it");
        for (kind, times) in &self.done {
            println!("  {kind:<30} {times:>8}");
        }
        println!("  {:<30} {:>8}", "processes ended by themselves", self.fleet.ended_by_themselves);
        if self.fleet.never_stopped > 0 {
            wrong.push(format!("{} workers that were asked to stop did not within a minute", self.fleet.never_stopped));
        }
        if !were_content {
            wrong.push(format!("the customers were not content; see {}", self.fleet.log("customers").display()));
        }
        let report: Value = serde_json::from_str(answer).unwrap_or_default();
        println!("orders");
        for key in ["placed", "orders", "delivered", "cancelled", "expired", "needs_attention", "dead_letters"] {
            println!("  {key:<30} {:>8}", report[key]);
        }
        if report["placed"] != report["orders"] || report["placed"].as_u64().is_none_or(|placed| placed == 0) {
            wrong.push("the orders that customers were promised are not the orders there are".to_owned());
        }
        for none in ["needs_attention", "dead_letters", "violations"] {
            if report[none] != 0 {
                wrong.push(format!("{none}: {}", report[none]));
            }
        }
        for letter in self.fleet.letters() {
            println!("{letter}");
        }
        for command in ["verify", "reconcile"] {
            let (answer, is_content) = self.fleet.ask(command, &[command], self.server.url())?;
            print!("\norderly {command}\n{answer}");
            if !is_content {
                wrong.push(format!("orderly {command} found something"));
            }
        }
        Ok(wrong)
    }
}

/// Everything is quick, so that in a few minutes every wait has its time; and providers behave as badly as in a demo.
fn settings(seed: u64, database: &str, broker: &str) -> String {
    format!(
        r#"
log = "warn"
transport = "rabbitmq"
database.url = "{database}"
broker.url = "{broker}"
worker.lease = "5s"
http.listen = "127.0.0.1:0"

[payments]
seed = {seed}
delay = "1s"
approval_rate = 0.85
pending_rate = 0.05
lost_rate = 0.05
ask_again_min = "1s"
ask_again_max = "5s"
inquiry_period = "3s"
refund_period = "5s"

[carrier]
delivery_delay = "1s"
refusal_rate = 0.03
silence_rate = 0.02
lost_rate = 0.05

[shipping]
retry_delay_max = "5s"

[fulfilment]
overall = "180s"
payment_inquiry = "10s"
shipping_inquiry = "10s"
undoing = "60s"
attention_period = "10s"

[expiry]
interval_seconds = 5
start_delay_seconds = 1
stale_after_seconds = 60
"#
    )
}

/// Of `scheme://user@host:port/…`.
fn port(url: &str) -> Result<u16> {
    let address = url.rsplit_once('@').map_or(url, |(_, address)| address);
    let port = address.split('/').next().and_then(|address| address.rsplit(':').next());
    port.and_then(|port| port.parse().ok()).with_context(|| format!("{url} names no port"))
}

/// The same address, through the proxy.
fn by_way_of(url: &str, proxy: &Proxy) -> Result<String> {
    Ok(url.replacen(&format!(":{}/", port(url)?), &format!(":{}/", proxy.port()), 1))
}
