//! The carrier. It takes nearly every parcel, and brings it after a while.

use std::sync::Arc;

use async_trait::async_trait;
use orderly_contracts::{TrackingNumber, orders::Line};
use orderly_shipping::{Carrier, CarrierError, Consignment, Progress, Recall, domain::ShipmentKey};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use wharf::{Clock, Timestamp};

use super::{
    books::{Books, BooksError, Entry},
    draw::{Handling, is_lost},
};
use crate::Simulators;

/// A carrier without wheels.
#[derive(Debug)]
pub(super) struct SimulatedCarrier {
    books: Books,
    simulators: Simulators,
    clock: Arc<dyn Clock>,
}

impl SimulatedCarrier {
    pub(super) fn new(books: Books, simulators: Simulators, clock: Arc<dyn Clock>) -> Self {
        Self { books, simulators, clock }
    }
}

#[async_trait]
impl Carrier for SimulatedCarrier {
    async fn ship(&self, key: ShipmentKey, lines: &[Line]) -> Result<Consignment, CarrierError> {
        let lines = serde_json::to_string(lines).map_err(|error| CarrierError(error.to_string()))?;
        let now = self.clock.now();
        let parcel = Parcel { tracking: tracking_number(key), delivery_at: now + self.simulators.delivery_delay };
        match Handling::draw(&self.simulators, key) {
            Handling::Taken => {
                let (answer, is_new) = self.books.enter(Ship { key, lines, parcel, now }).await?;
                let lost_rate = self.simulators.parcel_lost_rate;
                if is_new && is_lost(&self.simulators, lost_rate, key.order, &key.to_string()) {
                    return Err(CarrierError("the answer was lost".to_owned()));
                }
                Ok(answer)
            }
            Handling::Refused => Ok(Consignment::Refused { reason: "the parcel is too heavy".to_owned() }),
            Handling::Silent => Err(CarrierError("nobody is at its desk".to_owned())),
        }
    }

    async fn inquire(&self, key: ShipmentKey) -> Result<Option<Consignment>, CarrierError> {
        Ok(self.books.enter(Inquire { key, now: self.clock.now() }).await?)
    }

    async fn recall(&self, key: ShipmentKey) -> Result<Recall, CarrierError> {
        Ok(self.books.enter(CallBack { key, now: self.clock.now() }).await?)
    }

    async fn track(&self, tracking: &TrackingNumber) -> Result<Progress, CarrierError> {
        self.books.enter(Track { tracking: tracking.clone(), now: self.clock.now() }).await?
    }
}

struct Ship {
    key: ShipmentKey,
    /// As JSON.
    lines: String,
    /// As it is booked if this key is new.
    parcel: Parcel,
    now: Timestamp,
}

impl Entry for Ship {
    /// With whether a parcel was made.
    type Answer = (Consignment, bool);

    async fn write(self, book: &mut SqliteConnection) -> sqlx::Result<Self::Answer> {
        let Self { key, lines, parcel, now } = self;
        if is_recalled(book, key).await? {
            return Ok((recalled(), false));
        }
        if let Some(known) = find(book, key).await? {
            return Ok((known.accepted(now), false));
        }
        sqlx::query(
            "INSERT INTO parcels (key, order_id, tracking, lines, shipped_at, delivery_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(key.to_string())
        .bind(key.order.0)
        .bind(parcel.tracking.as_str())
        .bind(lines)
        .bind(now.as_micros())
        .bind(parcel.delivery_at.as_micros())
        .execute(book)
        .await?;
        Ok((parcel.accepted(now), true))
    }
}

struct Inquire {
    key: ShipmentKey,
    now: Timestamp,
}

impl Entry for Inquire {
    type Answer = Option<Consignment>;

    async fn write(self, book: &mut SqliteConnection) -> sqlx::Result<Option<Consignment>> {
        if is_recalled(book, self.key).await? {
            return Ok(Some(recalled()));
        }
        Ok(find(book, self.key).await?.map(|parcel| parcel.accepted(self.now)))
    }
}

struct CallBack {
    key: ShipmentKey,
    now: Timestamp,
}

impl Entry for CallBack {
    type Answer = Recall;

    async fn write(self, book: &mut SqliteConnection) -> sqlx::Result<Recall> {
        let Self { key, now } = self;
        if let Some(Parcel { tracking, delivery_at }) = find(book, key).await? {
            return Ok(Recall::TooLate { tracking, ask_again_after: delivery_at.since(now) });
        }
        sqlx::query("INSERT INTO recalls (key, recalled_at) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING")
            .bind(key.to_string())
            .bind(now.as_micros())
            .execute(book)
            .await?;
        Ok(Recall::Stopped)
    }
}

struct Track {
    tracking: TrackingNumber,
    now: Timestamp,
}

impl Entry for Track {
    type Answer = Result<Progress, CarrierError>;

    async fn write(self, book: &mut SqliteConnection) -> sqlx::Result<Self::Answer> {
        let Self { tracking, now } = self;
        let row = sqlx::query("SELECT tracking, delivery_at FROM parcels WHERE tracking = $1 ORDER BY id LIMIT 1")
            .bind(tracking.as_str())
            .fetch_optional(book)
            .await?;
        Ok(match row.as_ref().map(Parcel::read).transpose()? {
            None => Err(CarrierError(format!("there is no parcel {tracking}"))),
            Some(parcel) if now < parcel.delivery_at => {
                Ok(Progress::InTransit { ask_again_after: parcel.delivery_at.since(now) })
            }
            Some(_) => Ok(Progress::Delivered),
        })
    }
}

/// A parcel that was handed over.
struct Parcel {
    tracking: TrackingNumber,
    delivery_at: Timestamp,
}

impl Parcel {
    fn read(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            tracking: TrackingNumber::new(row.try_get::<String, _>("tracking")?),
            delivery_at: Timestamp::from_micros(row.try_get("delivery_at")?),
        })
    }

    fn accepted(self, now: Timestamp) -> Consignment {
        Consignment::Accepted { ask_again_after: self.delivery_at.since(now), tracking: self.tracking }
    }
}

fn recalled() -> Consignment {
    Consignment::Refused { reason: "the parcel was called back".to_owned() }
}

async fn is_recalled(book: &mut SqliteConnection, key: ShipmentKey) -> sqlx::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM recalls WHERE key = $1)";
    sqlx::query_scalar(sql).bind(key.to_string()).fetch_one(book).await
}

async fn find(book: &mut SqliteConnection, key: ShipmentKey) -> sqlx::Result<Option<Parcel>> {
    let row = sqlx::query("SELECT tracking, delivery_at FROM parcels WHERE key = $1 ORDER BY id LIMIT 1")
        .bind(key.to_string())
        .fetch_optional(book)
        .await?;
    row.as_ref().map(Parcel::read).transpose()
}

/// One for each order, so that people can follow it by eye.
fn tracking_number(key: ShipmentKey) -> TrackingNumber {
    TrackingNumber::new(format!("SIM-{:06}", key.order.0))
}

impl From<BooksError> for CarrierError {
    fn from(error: BooksError) -> Self {
        Self(error.to_string())
    }
}
