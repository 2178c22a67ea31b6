//! Every port of every module, connected.

use std::{sync::Arc, time::Duration};

use orderly_catalog::Products;
use orderly_contracts::{catalog::Catalog, identity::Customers, inventory::StockLevels};
use orderly_identity::Users;
use orderly_inventory::{Stockroom, Warehouse};
use orderly_notifications::{Mailer, Notifications, Outbox};
use orderly_orders::{Book, Orders, Overview, Returns};
use orderly_payments::{Ledger, Payments, Refunds};
use orderly_shipping::Shipments;
use wharf::Guard;
use wharf_postgres::Postgres;
use wharf_rabbitmq::RabbitMq;
use wharf_sqlite::Sqlite;

use crate::{
    AuditLog, Broker, Database, Mail, Redis, Settings,
    breaker::{GuardedGateway, GuardedStockroom, WatchedCarrier},
    postgres,
    simulators::{self, Providers},
    sqlite,
    tenant_guard::{Owners, TenantGuard},
};

/// Every port of every module, on one database. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Infrastructure {
    pub book: Arc<dyn Book>,
    pub returns: Arc<dyn Returns>,
    pub orders: Arc<dyn Orders>,
    pub overview: Arc<dyn Overview>,
    pub catalog: Arc<dyn Catalog>,
    pub products: Arc<dyn Products>,
    pub stockroom: Arc<dyn Stockroom>,
    pub warehouse: Arc<dyn Warehouse>,
    pub stock_levels: Arc<dyn StockLevels>,
    pub ledger: Arc<dyn Ledger>,
    pub payments: Arc<dyn Payments>,
    pub refunds: Arc<dyn Refunds>,
    pub gateway: Arc<GuardedGateway>,
    pub shipments: Arc<dyn Shipments>,
    pub carrier: Arc<WatchedCarrier>,
    pub outbox: Arc<dyn Outbox>,
    pub notifications: Arc<dyn Notifications>,
    /// None where mail is not sent.
    pub mailer: Option<Arc<dyn Mailer>>,
    pub users: Arc<dyn Users>,
    pub customers: Arc<dyn Customers>,
    /// Keeps modules from what is not their tenant's. Asked by each that acts on orders and is not their owner.
    pub guard: Arc<dyn Guard>,
    pub audit_log: Arc<dyn AuditLog>,
    engine: Engine,
    broker: Option<RabbitMq>,
    signals: Option<wharf_redis::Redis>,
    providers: Providers,
}

/// How long connections may take to end: to a server that has stopped answering they never do.
const CLOSE_DURATION_MAX: Duration = Duration::from_secs(10);

/// What keeps state, and carries messages where no broker does.
#[derive(Clone)]
enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// Why nothing was connected: what, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConnectError(pub String);

impl From<wharf::Error> for ConnectError {
    fn from(error: wharf::Error) -> Self {
        Self(format!("{}; {}", error.chain(), error.code().help))
    }
}

impl Infrastructure {
    /// Opens the database and the providers' books, and brings their tables up to date; connects the broker if there is
    /// one.
    ///
    /// # Errors
    /// When one of them cannot be opened, or a newer version of the program has migrated it; or when the address of Redis
    /// cannot be read. Redis itself may be away.
    pub async fn connect(settings: &Settings) -> Result<Self, ConnectError> {
        let signals = connect_redis(settings)?;
        let broker = connect_broker(settings).await?;
        let providers = simulators::open(settings).await?;
        match &settings.database {
            Database::Sqlite { path } => {
                let engine = sqlite::open(path, &settings.clock).await?;
                let adapters = sqlite::Adapters::new(&engine, Arc::clone(&settings.clock));
                Ok(Self::of(adapters, providers, Engine::Sqlite(engine), broker, signals, settings))
            }
            Database::Postgres { url } => {
                let engine = postgres::connect(url, &settings.clock).await?;
                let adapters = postgres::Adapters::new(&engine, Arc::clone(&settings.clock));
                Ok(Self::of(adapters, providers, Engine::Postgres(engine), broker, signals, settings))
            }
        }
    }

    /// Brings every table up to date, and closes everything again.
    ///
    /// # Errors
    /// As [`Infrastructure::connect`].
    pub async fn migrate(settings: &Settings) -> Result<(), ConnectError> {
        Self::connect(settings).await?.close().await;
        Ok(())
    }

    /// A worker on this database and this broker, without modules yet.
    pub fn worker(&self) -> wharf::Worker {
        let worker = match &self.engine {
            Engine::Sqlite(engine) => wharf::Worker::new(engine.clone()),
            Engine::Postgres(engine) => wharf::Worker::new(engine.clone()),
        };
        let worker = match &self.broker {
            Some(broker) => worker.via(broker.clone()),
            None => worker,
        };
        match &self.signals {
            Some(redis) => worker.signals(redis.clone()),
            None => worker,
        }
    }

    /// Commits of the database since it was connected.
    pub fn commits(&self) -> u64 {
        match &self.engine {
            Engine::Sqlite(engine) => engine.commits(),
            Engine::Postgres(engine) => engine.commits(),
        }
    }

    /// Waits for what is under way and closes every connection; a server that hangs is not waited for long. What comes
    /// later, from this handle or a clone, is refused.
    pub async fn close(&self) {
        if tokio::time::timeout(CLOSE_DURATION_MAX, self.close_all()).await.is_err() {
            tracing::warn!("connections that did not end within {CLOSE_DURATION_MAX:?} are left behind");
        }
    }

    async fn close_all(&self) {
        if let Some(broker) = &self.broker {
            broker.close().await;
        }
        match &self.engine {
            Engine::Sqlite(engine) => engine.close().await,
            Engine::Postgres(engine) => engine.close().await,
        }
        self.providers.close().await;
    }

    fn of<A>(
        adapters: A,
        providers: Providers,
        engine: Engine,
        broker: Option<RabbitMq>,
        signals: Option<wharf_redis::Redis>,
        settings: &Settings,
    ) -> Self
    where
        A: Book + Returns + Orders + Overview + Catalog + Products + Stockroom + Warehouse + StockLevels,
        A: Ledger
            + Payments
            + Refunds
            + Shipments
            + Outbox
            + Notifications
            + Users
            + Customers
            + Owners
            + AuditLog
            + 'static,
    {
        let clock = &settings.clock;
        let adapters = Arc::new(adapters);
        Self {
            book: adapters.clone(),
            returns: adapters.clone(),
            orders: adapters.clone(),
            overview: adapters.clone(),
            catalog: adapters.clone(),
            products: adapters.clone(),
            stockroom: Arc::new(GuardedStockroom::new(adapters.clone(), Arc::clone(clock))),
            warehouse: adapters.clone(),
            stock_levels: adapters.clone(),
            ledger: adapters.clone(),
            payments: adapters.clone(),
            refunds: adapters.clone(),
            gateway: Arc::new(GuardedGateway::new(Arc::clone(&providers.gateway), Arc::clone(clock))),
            shipments: adapters.clone(),
            carrier: Arc::new(WatchedCarrier::new(Arc::clone(&providers.carrier))),
            outbox: adapters.clone(),
            notifications: adapters.clone(),
            mailer: settings.mail.as_ref().map(Mail::mailer),
            users: adapters.clone(),
            customers: adapters.clone(),
            guard: Arc::new(TenantGuard::new(adapters.clone())),
            audit_log: adapters,
            engine,
            broker,
            signals,
            providers,
        }
    }
}

async fn connect_broker(settings: &Settings) -> Result<Option<RabbitMq>, ConnectError> {
    let Some(Broker { url, prefix }) = &settings.broker else { return Ok(None) };
    Ok(Some(RabbitMq::options(url)?.prefix(prefix).clock(Arc::clone(&settings.clock)).connect().await?))
}

fn connect_redis(settings: &Settings) -> Result<Option<wharf_redis::Redis>, ConnectError> {
    let Some(Redis { url, prefix }) = &settings.redis else { return Ok(None) };
    let connected = wharf_redis::Redis::options(url).and_then(|options| options.prefix(prefix).connect());
    connected.map(Some).map_err(|error| ConnectError(format!("redis.url (REDIS_URL): {}", error.chain())))
}

impl std::fmt::Debug for Infrastructure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.engine {
            Engine::Sqlite(engine) => f.debug_tuple("Infrastructure").field(engine).finish(),
            Engine::Postgres(engine) => f.debug_tuple("Infrastructure").field(engine).finish(),
        }
    }
}
