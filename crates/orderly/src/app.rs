//! The composition root: configuration in, everything connected and every module plugged in out.

use std::{future::Future, sync::Arc};

use anyhow::{Context, anyhow};
use orderly_infrastructure::{
    Broker, Database, Infrastructure, Redis, Settings, Simulators,
    reconciliation::{self, ReconcileRecords, Reconciler},
};
use orderly_orders::{Deadlines, domain::OrderLimits};
use tokio::sync::oneshot;
use wharf::{Client, Ended, Job, JobSettings, Limits, ReadyWorker, SystemClock, Timetable};

use crate::{
    config::{Config, PaymentWaits},
    job_log::JobLog,
};

/// Everything there is, ready to run: adapters, use cases, and a worker that has not started yet.
pub(crate) struct App {
    /// Publishes outside handlers, and tells how the worker is.
    pub(crate) client: Client,
    /// The ports of every module.
    pub(crate) infrastructure: Infrastructure,
    /// What placing and cancelling orders needs.
    pub(crate) order_ports: orderly_orders::Ports,
    /// What the staff of the warehouse need.
    pub(crate) inventory_ports: orderly_inventory::Ports,
    /// Remembers how the records last compared.
    pub(crate) reconciler: Reconciler,
    worker: ReadyWorker,
}

impl App {
    /// Connects, migrates, and checks all that can be checked before the first message.
    pub(crate) async fn start(config: &Config) -> anyhow::Result<Self> {
        let settings = settings(config);
        let infrastructure = Infrastructure::connect(&settings).await?;
        let reconciler = Reconciler::new(settings);
        let order_ports = orderly_orders::Ports {
            book: Arc::clone(&infrastructure.book),
            returns: Arc::clone(&infrastructure.returns),
            catalog: Arc::clone(&infrastructure.catalog),
            settings: order_settings(config),
        };
        let inventory_ports = orderly_inventory::Ports {
            stockroom: Arc::clone(&infrastructure.stockroom),
            warehouse: Arc::clone(&infrastructure.warehouse),
            settings: orderly_inventory::Settings { monitoring_period: config.inventory.monitoring_period },
        };
        // What acts on orders of another module's acts on its tenant's alone.
        let guard = || Arc::clone(&infrastructure.guard);
        let mut worker = infrastructure.worker();
        if let Some(directory) = &config.worker.probe_directory {
            worker = worker.probe_files(directory);
        }
        let worker = worker
            .named(&config.worker.name)
            .max_parallel_jobs(config.worker.max_parallel_jobs)
            .job_filter(JobLog)
            .retention(Timetable::every(config.retention.period))
            .job_settings([(
                ReconcileRecords::NAME.to_owned(),
                JobSettings::default().timeout(config.reconciliation.timeout),
            )])
            .version(env!("CARGO_PKG_VERSION"))
            .limits(limits(config))
            .module(orderly_orders::module(order_ports.clone()))
            .module(orderly_inventory::module(inventory_ports.clone()).guard(guard()))
            .module(
                orderly_payments::module(orderly_payments::Ports {
                    ledger: Arc::clone(&infrastructure.ledger),
                    refunds: Arc::clone(&infrastructure.refunds),
                    gateway: infrastructure.gateway.clone(),
                    settings: payment_settings(config),
                })
                .guard(guard()),
            )
            .module(
                orderly_shipping::module(orderly_shipping::Ports {
                    shipments: Arc::clone(&infrastructure.shipments),
                    carrier: infrastructure.carrier.clone(),
                    settings: config.shipping.settings(),
                })
                .guard(guard()),
            )
            .module(
                orderly_notifications::module(orderly_notifications::Ports {
                    outbox: Arc::clone(&infrastructure.outbox),
                    mailer: infrastructure.mailer.clone(),
                    customers: Arc::clone(&infrastructure.customers),
                })
                .guard(guard()),
            )
            .module(reconciliation::module(reconciler.clone(), config.reconciliation.period))
            .ready()
            .await
            .context("the modules do not fit together")?;
        let client = worker.client("orderly");
        Ok(Self { client, infrastructure, order_ports, inventory_ports, reconciler, worker })
    }

    /// Works while `task` does, and then lets go of the database. That the work ends first is an error.
    pub(crate) async fn work_while<T>(self, task: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let (stop_working, told_to_stop) = oneshot::channel::<()>();
        let mut worker = tokio::spawn(self.run_until(async { drop(told_to_stop.await) }));
        let done = tokio::select! {
            done = task => done,
            ended = &mut worker => {
                let why = ended.map_or_else(anyhow::Error::new, |()| anyhow!("it stopped by itself"));
                return Err(why.context("the worker ended"));
            }
        };
        drop(stop_working);
        worker.await.context("the worker ended")?;
        done
    }

    /// Leaves the work to others while `task` goes on, and then lets go of the database.
    pub(crate) async fn watch_while<T>(self, task: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let done = task.await;
        self.close().await;
        done
    }

    /// Lets go of the database without having worked.
    pub(crate) async fn close(self) {
        self.infrastructure.close().await;
    }

    /// Works until `stop` resolves and what is under way is settled or returned; then lets go of the database.
    pub(crate) async fn run_until(self, stop: impl Future<Output = ()>) {
        self.run_until_or_abort(stop, std::future::pending()).await;
    }

    /// The same, until `abort` resolves: then it ends at once, and the database is left as it is.
    pub(crate) async fn run_until_or_abort(
        self,
        stop: impl Future<Output = ()>,
        abort: impl Future<Output = ()>,
    ) -> Ended {
        let ended = self.worker.run_until_or_abort(stop, abort).await;
        if ended == Ended::Drained {
            self.infrastructure.close().await;
        }
        ended
    }
}

/// Where the data lives, and how the simulated providers behave.
pub(crate) fn settings(config: &Config) -> Settings {
    let database = match &config.database.url {
        Some(url) => Database::Postgres { url: url.reveal().to_owned() },
        None => Database::Sqlite { path: config.data_dir.join("orderly.db") },
    };
    let broker = config
        .broker
        .url
        .as_ref()
        .map(|url| Broker { url: url.reveal().to_owned(), prefix: config.broker.prefix.clone() });
    let redis = config
        .redis
        .url
        .as_ref()
        .map(|url| Redis { url: url.reveal().to_owned(), prefix: config.redis.prefix.clone() });
    Settings {
        database,
        broker,
        redis,
        data_dir: config.data_dir.clone(),
        simulators: Simulators {
            seed: config.payments.seed,
            payment_delay: config.payments.delay,
            approval_rate: config.payments.approval_rate,
            pending_rate: config.payments.pending_rate,
            ask_again_min: config.payments.waits.ask_again_min,
            ask_again_max: config.payments.waits.ask_again_max,
            payment_lost_rate: config.payments.lost_rate,
            delivery_delay: config.carrier.delivery_delay,
            refusal_rate: config.carrier.refusal_rate,
            silence_rate: config.carrier.silence_rate,
            parcel_lost_rate: config.carrier.lost_rate,
        },
        mail: config.notifications.mail.clone(),
        clock: Arc::new(SystemClock),
    }
}

fn limits(config: &Config) -> Limits {
    let mut limits = Limits::default();
    limits.lease = config.worker.lease;
    limits
}

pub(crate) fn order_settings(config: &Config) -> orderly_orders::Settings {
    orderly_orders::Settings {
        limits: OrderLimits { lines_max: config.orders.lines_max, quantity_max: config.orders.quantity_max },
        trust_client_prices: config.pricing.trust_client,
        deadlines: deadlines(config),
        stale_after: config.expiry.stale_after,
        expiry_sweep_period: config.expiry.interval,
        expiry_batch_max_orders: config.expiry.batch_max,
        expiry_start_delay: config.expiry.start_delay,
    }
}

fn deadlines(config: &Config) -> Deadlines {
    let fulfilment = &config.fulfilment;
    Deadlines {
        overall: fulfilment.overall,
        payment: fulfilment.payment_inquiry,
        shipping: fulfilment.shipping_inquiry,
        shipping_retries_max: fulfilment.shipping_retries_max,
        delivery: fulfilment.delivery,
        undoing: fulfilment.undoing,
        alarm: fulfilment.attention_period,
    }
}

pub(crate) fn payment_settings(config: &Config) -> orderly_payments::Settings {
    let PaymentWaits { retry_delays, inquiry_period, refund_period, .. } = config.payments.waits;
    orderly_payments::Settings { retry_delays, inquiry_period, refund_period }
}
