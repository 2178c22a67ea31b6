//! What can be configured: defaults, then `orderly.toml`, then the environment, then flags.
//!
//! [`Config::read`] is the schema. It reads every setting once and names its key, its values and its meaning in that one
//! place; which keys are known, what `.env.example` says and what a problem answers all follow from it.

mod durations;
mod example;
mod notifications;
mod problem;
mod reader;
mod secret;
mod setting;
mod sources;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use durations::{Expiry, Fulfilment, PaymentWaits, Shipping};
pub(crate) use example::example;
pub(crate) use notifications::Notifications;
pub(crate) use problem::Problems;
pub(crate) use secret::Secret;
pub(crate) use sources::{Flag, Sources};
pub(crate) use values::{Profile, Transport};

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use orderly_contracts::Currency;
use orderly_security::SigningSecret;

use reader::Reader;
use setting::Setting;
use values::{
    address, amqp_url, count, currency, directory, duration, filter, lease, name, named_prefix, password, postgres_url,
    prefix, quantity, rate, redis_url, seconds, seed,
};
use values::{signing_secret, yes_or_no};

/// All settings, typed and checked.
#[derive(Debug)]
pub(crate) struct Config {
    /// How careful to be.
    pub(crate) profile: Profile,
    /// Where SQLite, the signing key of development and the simulated providers' books live.
    pub(crate) data_dir: PathBuf,
    /// A filter of `tracing`, such as `info,wharf=debug`.
    pub(crate) log: String,
    pub(crate) database: Database,
    /// What carries messages, where it is named.
    pub(crate) transport: Option<Transport>,
    pub(crate) broker: Broker,
    pub(crate) redis: Redis,
    pub(crate) http: Http,
    pub(crate) api: ApiLogIn,
    pub(crate) jwt: Jwt,
    pub(crate) pricing: Pricing,
    pub(crate) orders: Orders,
    pub(crate) fulfilment: Fulfilment,
    pub(crate) expiry: Expiry,
    pub(crate) inventory: Inventory,
    pub(crate) reconciliation: Reconciliation,
    pub(crate) retention: Retention,
    pub(crate) payments: Payments,
    pub(crate) shipping: Shipping,
    pub(crate) carrier: Carrier,
    pub(crate) notifications: Notifications,
    pub(crate) worker: Worker,
}

#[derive(Debug)]
pub(crate) struct Database {
    /// A PostgreSQL server; without it SQLite in the data directory is used.
    pub(crate) url: Option<Secret>,
}

#[derive(Debug)]
pub(crate) struct Broker {
    /// A RabbitMQ that carries messages; without it the database does.
    pub(crate) url: Option<Secret>,
    /// What the names of its queues and exchanges begin with.
    pub(crate) prefix: String,
}

#[derive(Debug)]
pub(crate) struct Redis {
    /// A Redis that carries signals; without it the database does.
    pub(crate) url: Option<Secret>,
    /// What the names of its keys and channels begin with.
    pub(crate) prefix: String,
}

#[derive(Debug)]
pub(crate) struct Http {
    pub(crate) listen: SocketAddr,
}

/// Who places orders at the API of other processes.
#[derive(Debug, Clone)]
pub(crate) struct ApiLogIn {
    pub(crate) user: String,
    pub(crate) password: Secret,
}

#[derive(Debug)]
pub(crate) struct Jwt {
    /// Signs tokens. Only in development may it be absent; then one is made.
    pub(crate) key: Option<SigningSecret>,
    pub(crate) issuer: String,
    pub(crate) audience: String,
}

#[derive(Debug)]
pub(crate) struct Pricing {
    /// Whether a client's prices are believed.
    pub(crate) trust_client: bool,
}

#[derive(Debug)]
pub(crate) struct Orders {
    pub(crate) lines_max: usize,
    pub(crate) quantity_max: i64,
    /// Of an order that names none.
    pub(crate) currency: Currency,
}

#[derive(Debug)]
pub(crate) struct Inventory {
    pub(crate) monitoring_period: Duration,
}

#[derive(Debug)]
pub(crate) struct Reconciliation {
    pub(crate) period: Duration,
    pub(crate) timeout: Duration,
}

#[derive(Debug)]
pub(crate) struct Retention {
    pub(crate) period: Duration,
}

#[derive(Debug)]
pub(crate) struct Payments {
    pub(crate) delay: Duration,
    pub(crate) approval_rate: f64,
    pub(crate) pending_rate: f64,
    pub(crate) lost_rate: f64,
    pub(crate) seed: u64,
    pub(crate) waits: PaymentWaits,
}

#[derive(Debug)]
pub(crate) struct Carrier {
    pub(crate) delivery_delay: Duration,
    pub(crate) refusal_rate: f64,
    pub(crate) silence_rate: f64,
    pub(crate) lost_rate: f64,
}

#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) name: String,
    pub(crate) health_listen: Option<SocketAddr>,
    pub(crate) probe_directory: Option<PathBuf>,
    pub(crate) max_parallel_jobs: usize,
    pub(crate) lease: Duration,
}

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// Every problem there is, at once.
    pub(crate) fn load(sources: &Sources) -> Result<Self, Problems> {
        let mut reader = Reader::new(sources);
        let config = Self::read(&mut reader);
        config.check_durations(&mut reader);
        config.check_transport(&mut reader);
        reader.finish(config)
    }

    fn read(read: &mut Reader) -> Self {
        let profile = read.or(
            Setting::new("profile", "development, staging or production", Profile::parse)
                .meaning("How careful to be: outside development nothing that matters has a default."),
            "development",
        );
        let is_development = profile == Profile::Development;
        Self {
            profile,
            data_dir: read.or(
                Setting::new("data_dir", "a directory", directory)
                    .meaning("Where SQLite, development's signing key and the simulated providers' books live."),
                "./data",
            ),
            log: read.or(
                Setting::new("log", "a filter such as `info` or `info,wharf=debug`", filter)
                    .meaning("What is logged, on stderr."),
                "info",
            ),
            database: Database {
                url: read.needed_if(
                    !is_development,
                    &Setting::new("database.url", "postgres://user:password@host:port/database", postgres_url)
                        .secret()
                        .meaning("PostgreSQL. In development SQLite in the data directory when not set."),
                ),
            },
            transport: read.needed_if(
                !is_development,
                &Setting::new("transport", "database or rabbitmq", Transport::parse).meaning(
                    "What carries messages. In development RabbitMQ where broker.url is set, else the database.",
                ),
            ),
            broker: Broker {
                url: read.needed_if(
                    false,
                    &Setting::new("broker.url", "amqp://user:password@host:port/vhost", amqp_url)
                        .secret()
                        .meaning(
                            "The RabbitMQ that carries messages between processes; several hosts of one cluster with commas between.",
                        ),
                ),
                prefix: read.or(
                    Setting::new("broker.prefix", "letters, digits, dashes, dots and underscores, 64 at most", prefix)
                        .meaning("What the names of queues and exchanges begin with, where others share them."),
                    "",
                ),
            },
            redis: Redis {
                url: read.needed_if(
                    false,
                    &Setting::new("redis.url", "redis://user:password@host:port/database", redis_url).secret().meaning(
                        "Redis, to tell which workers are alive and what is cancelled. The database does when not set.",
                    ),
                ),
                prefix: read.or(
                    Setting::new("redis.prefix", "1 to 64 letters, digits, dashes, dots and underscores", named_prefix)
                        .meaning("What the names of keys and channels begin with, where others share Redis."),
                    "orderly",
                ),
            },
            http: Http {
                listen: read.or(
                    Setting::new("http.listen", "an address and port, such as 127.0.0.1:8080", address)
                        .meaning("Where HTTP is served; port 0 takes a free one."),
                    "127.0.0.1:8080",
                ),
            },
            api: ApiLogIn {
                user: read.or(
                    Setting::new("api.user", "an e-mail address", name)
                        .meaning("Who `replay --api` and `demo --api` log in as: one of the staff."),
                    "admin@example.com",
                ),
                password: read.or(
                    Setting::new("api.password", "a password", password)
                        .secret()
                        .meaning("The password to that; the default is that of development's demo shop."),
                    "Admin123!",
                ),
            },
            jwt: Jwt {
                key: read.needed_if(
                    !is_development,
                    &Setting::new("jwt.key", "at least 32 bytes, random", signing_secret)
                        .secret()
                        .meaning("Signs tokens. In development one is made once per data directory when not set."),
                ),
                issuer: read.or_if(
                    is_development,
                    Setting::new("jwt.issuer", "a name", name)
                        .meaning("Who writes tokens. Outside development it must be set."),
                    "orderly",
                ),
                audience: read.or_if(
                    is_development,
                    Setting::new("jwt.audience", "a name", name)
                        .meaning("For whom tokens are written. Outside development it must be set."),
                    "orderly",
                ),
            },
            pricing: Pricing {
                trust_client: read.or(
                    Setting::new("pricing.trust_client", "true or false", yes_or_no)
                        .meaning("Whether a client's prices are believed. Outside development: false."),
                    if is_development { "true" } else { "false" },
                ),
            },
            orders: Orders {
                lines_max: read
                    .or(Setting::new("orders.lines_max", "1 to 10000", count).meaning("Items of one order."), "1000"),
                quantity_max: read.or(
                    Setting::new("orders.quantity_max", "1 to 4294967295", quantity).meaning("Units of one item."),
                    "100000",
                ),
                currency: read.or(
                    Setting::new("orders.currency", "three capital letters, such as USD", currency)
                        .meaning("The currency of an order that names none."),
                    "USD",
                ),
            },
            fulfilment: Fulfilment::read(read),
            expiry: Expiry::read(read),
            inventory: Inventory {
                monitoring_period: read.or(
                    Setting::new("inventory.monitoring_interval_seconds", "1 to 86400", seconds)
                        .meaning("How often products at or below their reorder level are told of in the log."),
                    "300",
                ),
            },
            reconciliation: Reconciliation {
                period: read.or(
                    Setting::new("reconciliation.interval_seconds", "1 to 86400", seconds).meaning(
                        "How often providers, ledger, stock, orders and sagas are compared; see `orderly reconcile`.",
                    ),
                    "3600",
                ),
                timeout: read.or(
                    Setting::new("reconciliation.timeout_seconds", "1 to 86400", seconds)
                        .meaning("How long one comparison may take; then it is given up and tried again."),
                    "300",
                ),
            },
            retention: Retention {
                period: read.or(
                    Setting::new("retention.interval_seconds", "1 to 86400", seconds).meaning(
                        "How often finished sagas and runs of jobs that were kept long enough are deleted.",
                    ),
                    "600",
                ),
            },
            payments: read_payments(read),
            shipping: Shipping::read(read),
            carrier: read_carrier(read),
            notifications: Notifications::read(read),
            worker: Worker {
                name: read.or(
                    Setting::new("worker.name", "a name", name).meaning("What this worker is called among others."),
                    "orderly",
                ),
                health_listen: read.needed_if(
                    false,
                    &Setting::new("worker.health_listen", "an address and port, such as 127.0.0.1:8081", address)
                        .meaning("Where `orderly worker` answers for its health; nowhere when not set."),
                ),
                probe_directory: read.needed_if(
                    false,
                    &Setting::new("worker.probe_directory", "a directory of its own", directory).meaning(
                        "Where the files `live` and `ready` are written every 30 seconds; nowhere when not set.",
                    ),
                ),
                max_parallel_jobs: read.or(
                    Setting::new("worker.max_parallel_jobs", "1 to 10000", count)
                        .meaning("How many jobs run at once, such as sweeps and comparisons."),
                    "10",
                ),
                lease: read.or(
                    Setting::new("worker.lease", "a duration from 100ms, such as 30s", lease)
                        .meaning("How long the work of a process that is gone stays its own, on PostgreSQL."),
                    "30s",
                ),
            },
        }
    }
}

impl Config {
    /// Refuses a transport without an address, and an address of one that is not to be used.
    fn check_transport(&self, read: &mut Reader) {
        let has_broker = self.broker.url.is_some();
        match self.transport {
            Some(Transport::RabbitMq) if !has_broker => {
                read.refuse("transport", "RabbitMQ has no address: set AMQP_URL or broker.url".to_owned());
            }
            Some(Transport::Database) if has_broker => {
                read.refuse("transport", "broker.url has the address of a RabbitMQ: name that, or unset it".to_owned());
            }
            Some(Transport::RabbitMq | Transport::Database) | None => {}
        }
    }
}

fn read_carrier(read: &mut Reader) -> Carrier {
    let carrier = Carrier {
        delivery_delay: read.or(
            Setting::new("carrier.delivery_delay", "a duration such as 0s, 300ms or 2m", duration)
                .meaning("How long the simulated carrier is on its way."),
            "2s",
        ),
        refusal_rate: read.or(
            Setting::new("carrier.refusal_rate", "0 to 1", rate).meaning("Share of parcels that the carrier refuses."),
            "0",
        ),
        silence_rate: read.or(
            Setting::new("carrier.silence_rate", "0 to 1", rate)
                .meaning("Share of parcels that the carrier never answers about; what remains is taken."),
            "0",
        ),
        lost_rate: read.or(
            Setting::new("carrier.lost_rate", "0 to 1", rate)
                .meaning("Share of parcels that the carrier takes the first time, while its answer is lost."),
            "0",
        ),
    };
    let sum = carrier.refusal_rate + carrier.silence_rate;
    if sum > 1.0 {
        read.refuse("carrier.silence_rate", format!("with carrier.refusal_rate it makes {sum}, more than 1"));
    }
    carrier
}

fn read_payments(read: &mut Reader) -> Payments {
    let payments = Payments {
        delay: read.or(
            Setting::new("payments.delay", "a duration such as 0s, 300ms or 2m", duration)
                .meaning("How long the simulated payment provider takes to answer."),
            "5s",
        ),
        approval_rate: read.or(
            Setting::new("payments.approval_rate", "0 to 1", rate).meaning("Share of payments that are approved."),
            "0.5",
        ),
        pending_rate: read.or(
            Setting::new("payments.pending_rate", "0 to 1", rate)
                .meaning("Share of payments that stay undecided for ever; what remains is declined."),
            "0.5",
        ),
        lost_rate: read.or(
            Setting::new("payments.lost_rate", "0 to 1", rate)
                .meaning("Share of payments whose first call is heard, while its answer is lost."),
            "0",
        ),
        seed: read.or(
            Setting::new("payments.seed", "a whole number", seed)
                .meaning("What the simulated providers draw their answers from."),
            "1",
        ),
        waits: PaymentWaits::read(read),
    };
    let sum = payments.approval_rate + payments.pending_rate;
    if sum > 1.0 {
        read.refuse("payments.pending_rate", format!("with payments.approval_rate it makes {sum}, more than 1"));
    }
    payments
}
