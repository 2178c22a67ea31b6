//! A shop at work: every module, an engine and a database of its own, gone with it.

use std::{env, str::FromStr, time::Duration};

use orderly_catalog::{NewProduct, domain::Sku};
use orderly_contracts::{Currency, CustomerId, Money, ProductId};
use orderly_infrastructure::{Database, Infrastructure, Settings, Simulators, audit::audit};
use orderly_orders::{
    PlaceOrder,
    domain::{Draft, DraftLine},
    place_order,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, postgres::PgConnectOptions};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};
use wharf::{Client, Tenant};

use crate::modules;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

pub(crate) struct Shop {
    pub(crate) ports: Infrastructure,
    settings: Settings,
    orders: orderly_orders::Ports,
    client: Client,
    stop: oneshot::Sender<()>,
    working: JoinHandle<()>,
    _folder: TempDir,
}

impl Shop {
    /// Opens one in which every payment is approved after so long, and every parcel arrives at once.
    pub(crate) async fn open(engine: Engine, payment_delay: Duration) -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut settings = Settings::in_directory(folder.path());
        if let Engine::Postgres = engine {
            settings.database = Database::Postgres { url: new_database().await };
        }
        settings.simulators = Simulators {
            payment_delay,
            approval_rate: 1.0,
            pending_rate: 0.0,
            delivery_delay: Duration::ZERO,
            ..Simulators::default()
        };
        let ports = Infrastructure::connect(&settings).await.unwrap();
        let orders = modules::order_ports(&ports);
        let worker = modules::worker(&ports, &orders).await;
        let client = worker.client("bench");
        let (stop, stopped) = oneshot::channel::<()>();
        let working = tokio::spawn(worker.run_until(async { drop(stopped.await) }));
        Self { ports, settings, orders, client, stop, working, _folder: folder }
    }

    /// Puts products on the shelves, so many units of each.
    pub(crate) async fn stock(&self, products: usize, units: i64) -> Vec<ProductId> {
        let product = |number: usize| NewProduct {
            sku: Sku::parse(&format!("BENCH-{number}")).unwrap(),
            name: "Bench".to_owned(),
            price: Money::new(250, Currency::GBP),
        };
        let mut work = self.client.begin(&Tenant::default()).unwrap();
        let products = self.ports.products.add(&mut work.tx, &(0..products).map(product).collect::<Vec<_>>()).await;
        let opening: Vec<_> = products.unwrap().into_iter().map(|product| (product, units)).collect();
        self.ports.warehouse.open(&mut work.tx, &opening).await.unwrap();
        work.commit().await.unwrap();
        opening.into_iter().map(|(product, _)| product).collect()
    }

    /// What places orders, for who places many at once.
    pub(crate) fn door(&self) -> Door {
        Door { orders: self.orders.clone(), client: self.client.clone() }
    }

    pub(crate) async fn under_way(&self) -> u64 {
        self.ports.overview.under_way(&Tenant::default()).await.unwrap()
    }

    /// Connections to the database, and how many of them have a transaction open. `None` where it is a file.
    pub(crate) async fn connections(&self) -> Option<(i64, i64)> {
        let Database::Postgres { url } = &self.settings.database else { return None };
        let mut connection = PgConnectOptions::from_str(url).unwrap().connect().await.unwrap();
        let counted = sqlx::query_as(
            "SELECT count(*), count(*) FILTER (WHERE xact_start IS NOT NULL) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
        );
        let counted = counted.fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        Some(counted)
    }

    /// Lets everybody finish, proves that nothing was lost or sold twice, and removes it.
    pub(crate) async fn close(self) {
        self.stop.send(()).unwrap();
        self.working.await.unwrap();
        self.ports.close().await;
        let report = audit(&self.settings).await.unwrap();
        assert!(report.holds(), "{report}");
        if let Database::Postgres { url } = &self.settings.database {
            let (_, database) = url.rsplit_once('/').expect("an address ends in /database");
            on_server(&format!("DROP DATABASE {database} WITH (FORCE)")).await;
        }
    }
}

/// Where orders come in.
#[derive(Clone)]
pub(crate) struct Door {
    orders: orderly_orders::Ports,
    client: Client,
}

impl Door {
    /// Places an order of one unit.
    pub(crate) async fn place(&self, product: ProductId) {
        let lines = vec![DraftLine { product, quantity: 1, unit_price: None }];
        let draft = Draft { customer: CustomerId(7), currency: Currency::GBP, status: None, lines };
        let mut work = self.client.begin(&Tenant::default()).unwrap();
        place_order(&self.orders, &mut work, &PlaceOrder { draft, reference: None }).await.unwrap();
        work.commit().await.unwrap();
    }
}

async fn new_database() -> String {
    let name = format!("orderly_bench_{}_{}", std::process::id(), uuid::Uuid::now_v7().simple());
    on_server(&format!("CREATE DATABASE {name}")).await;
    let server = server();
    let (address, _) = server.rsplit_once('/').expect("an address ends in /database");
    format!("{address}/{name}")
}

async fn on_server(sql: &str) {
    let mut server = PgConnectOptions::from_str(&server()).unwrap().connect().await.unwrap();
    server.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    server.close().await.unwrap();
}

fn server() -> String {
    env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL: run `cargo xtask bench orders`")
}
