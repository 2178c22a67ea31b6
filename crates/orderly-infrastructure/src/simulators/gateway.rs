//! The payment provider. It decides after a while, and books what it takes when it is next asked about it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use orderly_contracts::{CaptureId, Currency, Money};
use orderly_payments::{
    Answer, Capture, GatewayError, Inquiry, PaymentGateway, Voided,
    domain::{PaymentKey, RefundKey},
};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use wharf::{Clock, Timestamp};

use super::{
    books::{Books, BooksError, Entry},
    draw::{Outcome, is_lost},
};
use crate::Simulators;

/// When the provider is asked, and how it lets itself be asked again while it has not decided.
#[derive(Debug, Clone, Copy)]
struct Call {
    now: Timestamp,
    /// First after this long, then each time after as long as has passed.
    ask_again_min: Duration,
    ask_again_max: Duration,
}

/// A payment provider that draws lots.
#[derive(Debug)]
pub(super) struct SimulatedGateway {
    books: Books,
    simulators: Simulators,
    clock: Arc<dyn Clock>,
}

impl SimulatedGateway {
    pub(super) fn new(books: Books, simulators: Simulators, clock: Arc<dyn Clock>) -> Self {
        Self { books, simulators, clock }
    }

    fn call(&self) -> Call {
        let Simulators { ask_again_min, ask_again_max, .. } = self.simulators;
        Call { now: self.clock.now(), ask_again_min, ask_again_max }
    }
}

#[async_trait]
impl PaymentGateway for SimulatedGateway {
    async fn submit(&self, key: PaymentKey, amount: Money) -> Result<Answer, GatewayError> {
        let call = self.call();
        let payment = Payment {
            amount,
            outcome: Outcome::draw(&self.simulators, key),
            submitted_at: call.now,
            answer_at: call.now + self.simulators.payment_delay,
        };
        let heard = self.books.enter(Submit { key, payment, call }).await??;
        let lost_rate = self.simulators.payment_lost_rate;
        if heard.is_new && is_lost(&self.simulators, lost_rate, key.order, &key.to_string()) {
            return Err(GatewayError("the answer was lost".to_owned()));
        }
        Ok(heard.answer)
    }

    async fn inquire(&self, key: PaymentKey) -> Result<Inquiry, GatewayError> {
        Ok(self.books.enter(Inquire { key, call: self.call() }).await?)
    }

    async fn void(&self, key: PaymentKey) -> Result<Voided, GatewayError> {
        Ok(self.books.enter(Void { key, call: self.call() }).await?)
    }

    async fn refund(&self, key: PaymentKey) -> Result<(), GatewayError> {
        self.books.enter(Refund { key, only: None, now: self.clock.now() }).await?
    }

    async fn refund_capture(&self, key: PaymentKey, capture: &CaptureId) -> Result<(), GatewayError> {
        let row = capture.as_str().strip_prefix("CAP-").and_then(|row| row.parse().ok());
        let only = row.ok_or_else(|| GatewayError(format!("{capture} is no capture of ours")))?;
        self.books.enter(Refund { key, only: Some(only), now: self.clock.now() }).await?
    }

    async fn refund_part(&self, payment: PaymentKey, refund: RefundKey, amount: Money) -> Result<(), GatewayError> {
        let is_new = self.books.enter(RefundPart { payment, refund, amount, now: self.clock.now() }).await??;
        let lost_rate = self.simulators.payment_lost_rate;
        if is_new && is_lost(&self.simulators, lost_rate, refund.order, &refund.to_string()) {
            return Err(GatewayError("the answer was lost".to_owned()));
        }
        Ok(())
    }

    async fn inquire_refund(&self, refund: RefundKey) -> Result<Option<Money>, GatewayError> {
        Ok(self.books.enter(InquireRefund { refund }).await?)
    }
}

struct Submit {
    key: PaymentKey,
    /// As it is booked if this key is new.
    payment: Payment,
    call: Call,
}

/// A submission that was heard.
struct Heard {
    answer: Answer,
    /// Whether it was the first under its key.
    is_new: bool,
}

impl Entry for Submit {
    type Answer = Result<Heard, GatewayError>;

    async fn write(self, book: &mut SqliteConnection) -> sqlx::Result<Self::Answer> {
        let Self { key, payment, call } = self;
        if is_voided(book, key).await? {
            return Ok(Ok(Heard { answer: voided(), is_new: false }));
        }
        let (known, is_new) = match find(book, key).await? {
            Some(known) if known.amount != payment.amount => {
                return Ok(Err(GatewayError(format!("{key} was asked for before, with another amount"))));
            }
            Some(known) => (known, false),
            None => {
                insert(book, key, &payment).await?;
                (payment, true)
            }
        };
        let answer = answer(book, key, &known, call).await?;
        Ok(Ok(Heard { answer, is_new }))
    }
}

struct Inquire {
    key: PaymentKey,
    call: Call,
}

impl Entry for Inquire {
    type Answer = Inquiry;

    async fn write(self, book: &mut SqliteConnection) -> sqlx::Result<Inquiry> {
        if is_voided(book, self.key).await? {
            return Ok(Inquiry::Known(voided()));
        }
        match find(book, self.key).await? {
            Some(payment) => answer(book, self.key, &payment, self.call).await.map(Inquiry::Known),
            None => Ok(Inquiry::Unknown),
        }
    }
}

struct Void {
    key: PaymentKey,
    call: Call,
}

impl Entry for Void {
    type Answer = Voided;

    async fn write(self, book: &mut SqliteConnection) -> sqlx::Result<Voided> {
        // Nobody has asked since the answer came due: the money is taken all the same.
        if !is_voided(book, self.key).await?
            && let Some(payment) = find(book, self.key).await?
            && let Answer::Approved(capture) = answer(book, self.key, &payment, self.call).await?
        {
            return Ok(Voided::Captured(capture));
        }
        sqlx::query("INSERT INTO voids (key, voided_at) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING")
            .bind(self.key.to_string())
            .bind(self.call.now.as_micros())
            .execute(book)
            .await?;
        Ok(Voided::NothingTaken)
    }
}

struct Refund {
    key: PaymentKey,
    /// The row of one capture; otherwise of all.
    only: Option<i64>,
    now: Timestamp,
}

impl Entry for Refund {
    type Answer = Result<(), GatewayError>;

    async fn write(self, book: &mut SqliteConnection) -> sqlx::Result<Self::Answer> {
        let Self { key, only, now } = self;
        if taken(book, key).await?.is_none() {
            return Ok(Err(GatewayError(format!("nothing was taken under {key}"))));
        }
        sqlx::query(
            "INSERT INTO refunds (capture_id, key, order_id, amount, currency, refunded_at)
             SELECT id, key, order_id,
                    amount - (SELECT coalesce(sum(amount), 0) FROM refunds WHERE capture_id = captures.id), currency, $2
             FROM captures
             WHERE key = $1 AND ($3 IS NULL OR id = $3)
               AND NOT EXISTS (SELECT 1 FROM refunds WHERE refunds.key = $1 AND capture_id = captures.id)",
        )
        .bind(key.to_string())
        .bind(now.as_micros())
        .bind(only)
        .execute(book)
        .await?;
        Ok(Ok(()))
    }
}

struct RefundPart {
    payment: PaymentKey,
    refund: RefundKey,
    amount: Money,
    now: Timestamp,
}

impl Entry for RefundPart {
    /// Whether it was the first under its key.
    type Answer = Result<bool, GatewayError>;

    async fn write(self, book: &mut SqliteConnection) -> sqlx::Result<Self::Answer> {
        let Self { payment, refund, amount, now } = self;
        match given_back(book, refund).await? {
            Some(before) if before == amount => return Ok(Ok(false)),
            Some(before) => return Ok(Err(GatewayError(format!("{refund} was asked for before, over {before}")))),
            None => {}
        }
        let made = sqlx::query(
            "INSERT INTO refunds (capture_id, key, order_id, amount, currency, refunded_at)
             SELECT id, $2, order_id, $3, currency, $5 FROM captures
             WHERE key = $1 AND currency = $4
               AND amount >= $3 + (SELECT coalesce(sum(amount), 0) FROM refunds WHERE capture_id = captures.id)
             ORDER BY id LIMIT 1",
        )
        .bind(payment.to_string())
        .bind(refund.to_string())
        .bind(amount.minor)
        .bind(amount.currency.to_string())
        .bind(now.as_micros())
        .execute(book)
        .await?;
        if made.rows_affected() == 1 {
            return Ok(Ok(true));
        }
        Ok(Err(GatewayError(format!("of {payment} there is no {amount} {} left to give back", amount.currency))))
    }
}

struct InquireRefund {
    refund: RefundKey,
}

impl Entry for InquireRefund {
    type Answer = Option<Money>;

    async fn write(self, book: &mut SqliteConnection) -> sqlx::Result<Self::Answer> {
        given_back(book, self.refund).await
    }
}

async fn given_back(book: &mut SqliteConnection, refund: RefundKey) -> sqlx::Result<Option<Money>> {
    let row = sqlx::query("SELECT amount, currency FROM refunds WHERE key = $1")
        .bind(refund.to_string())
        .fetch_optional(book)
        .await?;
    row.map(|row| money(&row)).transpose()
}

/// A payment that was asked for.
struct Payment {
    amount: Money,
    outcome: Outcome,
    submitted_at: Timestamp,
    answer_at: Timestamp,
}

/// What the provider says of it now.
async fn answer(book: &mut SqliteConnection, key: PaymentKey, payment: &Payment, call: Call) -> sqlx::Result<Answer> {
    let Call { now, ask_again_min, ask_again_max } = call;
    if now < payment.answer_at {
        return Ok(Answer::Pending { ask_again_after: payment.answer_at.since(now) });
    }
    Ok(match payment.outcome {
        Outcome::Approved => Answer::Approved(take(book, key, payment.amount, now).await?),
        Outcome::Declined => Answer::Declined { reason: "the card was declined".to_owned() },
        Outcome::Pending => {
            let waited = now.since(payment.submitted_at);
            Answer::Pending { ask_again_after: waited.max(ask_again_min).min(ask_again_max) }
        }
    })
}

fn voided() -> Answer {
    Answer::Declined { reason: "the payment was voided".to_owned() }
}

/// Takes the money, unless it was taken under this key before.
async fn take(book: &mut SqliteConnection, key: PaymentKey, amount: Money, now: Timestamp) -> sqlx::Result<Capture> {
    if let Some(capture) = taken(book, key).await? {
        return Ok(capture);
    }
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO captures (key, order_id, amount, currency, captured_at) VALUES ($1, $2, $3, $4, $5) RETURNING id",
    )
    .bind(key.to_string())
    .bind(key.order.0)
    .bind(amount.minor)
    .bind(amount.currency.to_string())
    .bind(now.as_micros())
    .fetch_one(book)
    .await?;
    Ok(Capture { id: capture_id(id), amount })
}

async fn taken(book: &mut SqliteConnection, key: PaymentKey) -> sqlx::Result<Option<Capture>> {
    let row = sqlx::query("SELECT id, amount, currency FROM captures WHERE key = $1 ORDER BY id LIMIT 1")
        .bind(key.to_string())
        .fetch_optional(book)
        .await?;
    row.map(|row| Ok(Capture { id: capture_id(row.try_get("id")?), amount: money(&row)? })).transpose()
}

/// What the provider calls a capture.
fn capture_id(row: i64) -> CaptureId {
    CaptureId::new(format!("CAP-{row:06}"))
}

async fn is_voided(book: &mut SqliteConnection, key: PaymentKey) -> sqlx::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM voids WHERE key = $1)";
    sqlx::query_scalar(sql).bind(key.to_string()).fetch_one(book).await
}

async fn find(book: &mut SqliteConnection, key: PaymentKey) -> sqlx::Result<Option<Payment>> {
    let row = sqlx::query("SELECT amount, currency, outcome, submitted_at, answer_at FROM payments WHERE key = $1")
        .bind(key.to_string())
        .fetch_optional(book)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let outcome: String = row.try_get("outcome")?;
    Ok(Some(Payment {
        amount: money(&row)?,
        outcome: Outcome::ALL
            .into_iter()
            .find(|known| known.as_str() == outcome)
            .ok_or_else(|| sqlx::Error::Decode(format!("`{outcome}` is no outcome").into()))?,
        submitted_at: Timestamp::from_micros(row.try_get("submitted_at")?),
        answer_at: Timestamp::from_micros(row.try_get("answer_at")?),
    }))
}

async fn insert(book: &mut SqliteConnection, key: PaymentKey, payment: &Payment) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO payments (key, order_id, amount, currency, outcome, submitted_at, answer_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(key.to_string())
    .bind(key.order.0)
    .bind(payment.amount.minor)
    .bind(payment.amount.currency.to_string())
    .bind(payment.outcome.as_str())
    .bind(payment.submitted_at.as_micros())
    .bind(payment.answer_at.as_micros())
    .execute(book)
    .await?;
    Ok(())
}

fn money(row: &SqliteRow) -> sqlx::Result<Money> {
    let currency: String = row.try_get("currency")?;
    let currency: Currency = currency.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(Money::new(row.try_get("amount")?, currency))
}

impl From<BooksError> for GatewayError {
    fn from(error: BooksError) -> Self {
        Self(error.to_string())
    }
}
