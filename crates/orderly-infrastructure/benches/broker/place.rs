//! Queues and a database for one take, gone with it.

use std::{env, sync::Arc};

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, Executor, PgConnection, postgres::PgConnectOptions};
use tokio::sync::mpsc;
use uuid::Uuid;
use wharf::{Envelope, Key, Kind, Message, Msg, Outgoing, Priority, Result, State, Tenant, Timestamp, Trail};
use wharf_postgres::{Postgres, PostgresOptions};
use wharf_rabbitmq::RabbitMq;

/// How many messages are handed out, or wait for their confirms, at once: on both sides.
pub(crate) const WINDOW: u16 = 256;
pub(crate) const ENDPOINT: &str = "happened";

/// What is sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Happened {
    pub(crate) number: u64,
}

impl Message for Happened {
    const NAME: &'static str = "bench.happened";

    fn key(&self) -> Key {
        Key::new("number", self.number)
    }
}

/// Queues under names of their own.
pub(crate) struct Queues {
    url: String,
    prefix: String,
}

impl Queues {
    pub(crate) fn new() -> Self {
        let url = env::var("TEST_RABBITMQ_URL").expect("TEST_RABBITMQ_URL: run `cargo xtask bench broker`");
        Self { url, prefix: format!("bench-{}.", Uuid::now_v7().simple()) }
    }

    pub(crate) async fn transport(&self) -> RabbitMq {
        RabbitMq::options(&self.url).unwrap().prefix(&self.prefix).prefetch(WINDOW).connect().await.unwrap()
    }

    pub(crate) fn name(&self) -> String {
        format!("{}{ENDPOINT}", self.prefix)
    }

    /// As any other client of the broker's; with confirms.
    pub(crate) async fn raw(&self) -> (Connection, Channel) {
        let connection = Connection::connect(&self.url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        (connection, channel)
    }

    /// Puts so many on the queue, which stands already.
    pub(crate) async fn fill(&self, messages: u64) {
        let (connection, channel) = self.raw().await;
        for begin in (0..messages).step_by(usize::from(WINDOW)) {
            self.publish_window(&channel, begin..messages.min(begin + u64::from(WINDOW))).await;
        }
        connection.close(200, "done".into()).await.unwrap();
    }

    /// Publishes these, then waits for all their confirms.
    pub(crate) async fn publish_window(&self, channel: &Channel, numbers: std::ops::Range<u64>) {
        let mut confirms = Vec::with_capacity(usize::from(WINDOW));
        for number in numbers {
            let id = Uuid::now_v7().to_string();
            let properties = BasicProperties::default().with_delivery_mode(2).with_message_id(id.into());
            let properties = properties.with_type(Happened::NAME.into());
            let body = serde_json::to_vec(&Happened { number }).unwrap();
            let (queue, options) = (self.name().into(), BasicPublishOptions { mandatory: true, ..Default::default() });
            confirms.push(channel.basic_publish("".into(), queue, options, &body, properties).await.unwrap());
        }
        for confirm in confirms {
            confirm.await.unwrap();
        }
    }
}

/// Tells which it heard.
pub(crate) async fn hear(Msg(happened): Msg<Happened>, State(told): State<mpsc::UnboundedSender<u64>>) -> Result {
    let _ = told.send(happened.number);
    Ok(())
}

/// As the relay hands them to the transport.
pub(crate) fn outgoing(number: u64) -> Outgoing {
    let envelope = Envelope {
        id: Uuid::now_v7(),
        name: Arc::from(Happened::NAME),
        version: 1,
        kind: Kind::Event,
        key: Key::new("number", number),
        tenant: Tenant::default(),
        sent_at: Timestamp::from_micros(0),
        attempt: 0,
        crashes: 0,
        redrives: 0,
        priority: Priority::Normal,
        expires_at: None,
        trail: Trail::begin(Arc::from("bench")),
    };
    Outgoing::new(Arc::from(ENDPOINT), envelope, Arc::from(serde_json::to_string(&Happened { number }).unwrap()))
}

/// A database of its own.
pub(crate) struct Database {
    server: String,
    name: String,
}

impl Database {
    pub(crate) async fn create() -> Self {
        let server = env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL: run `cargo xtask bench broker`");
        let database = Self { server, name: format!("wharf_bench_{}", Uuid::now_v7().simple()) };
        database.on_server(&format!("CREATE DATABASE {}", database.name)).await;
        database
    }

    pub(crate) fn options(&self) -> PostgresOptions {
        Postgres::options(&self.url()).unwrap()
    }

    pub(crate) async fn connection(&self) -> PgConnection {
        self.url().parse::<PgConnectOptions>().unwrap().connect().await.unwrap()
    }

    pub(crate) async fn remove(self) {
        self.on_server(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }

    fn url(&self) -> String {
        let (address, _) = self.server.rsplit_once('/').expect("an address ends in /database");
        format!("{address}/{}", self.name)
    }

    async fn on_server(&self, sql: &str) {
        let mut server = self.server.parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
        server.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
        server.close().await.unwrap();
    }
}
