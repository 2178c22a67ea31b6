//! Stock and reservations, as orders move them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use orderly_contracts::{OrderId, ProductId, ReturnNumber};
use orderly_inventory::{
    Stockroom,
    domain::{Held, ReservationState, Stock, TakenBack},
};
use sqlx::FromRow;
use wharf::{Failure, Result, Tx};

use super::{Adapters, connection};
use crate::rows::{products, rows};

#[derive(FromRow)]
struct StockRow {
    product_id: i64,
    available: i64,
    reserved: i64,
    reorder_level: i64,
}

const RESERVATION: &str = sql!("
SELECT state FROM reservations WHERE tenant = $1 AND order_id = $2" locked);

const STOCK: &str = sql!("
SELECT product_id, available, reserved, reorder_level FROM stock
WHERE tenant = $1 AND product_id" listed " ORDER BY product_id" locked);

/// Fails when the order has a reservation already.
const RESERVE: &str = "
INSERT INTO reservations (tenant, order_id, state) VALUES ($1, $2, $3)";

const RESERVE_LINES: &str = "
INSERT INTO reservation_lines (tenant, order_id, product_id, units)
SELECT $1, $2, CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT) FROM json_each($3)";

/// Touches no row that holds too little.
const HOLD: &str = sql!("
UPDATE stock SET available = available - units, reserved = reserved + units, updated_at = " now "
FROM (SELECT product_id AS held, units FROM reservation_lines WHERE tenant = $2 AND order_id = $3) AS reservation
WHERE tenant = $2 AND product_id = held AND available >= units");

const END: &str = "
UPDATE reservations SET state = $3 WHERE tenant = $1 AND order_id = $2 AND state = 'held'";

/// Matches what an order holds with its stock, taken in product order.
macro_rules! held {
    () => {
        sql!("
FROM (SELECT product_id AS held, units FROM reservation_lines JOIN stock USING (tenant, product_id)
      WHERE tenant = $2 AND order_id = $3 ORDER BY product_id" stock_locked ") AS reservation
WHERE tenant = $2 AND product_id = held")
    };
}

const GIVE_BACK: &str = sql!("
UPDATE stock SET available = available + units, reserved = reserved - units, updated_at = " now held);

const TAKE_OUT: &str = sql!("
UPDATE stock SET reserved = reserved - units, updated_at = " now held);

/// What left with an order. Before the stock itself is taken, so that others wait for that no longer than they must.
const BOOK_SHIPPED: &str = sql!("
INSERT INTO stock_movements (tenant, product_id, kind, units, order_id, moved_at)
SELECT tenant, product_id, 'shipped', -units, order_id, " now " FROM reservation_lines
WHERE tenant = $2 AND order_id = $3");

/// Touches no row when the return was noted before.
const NOTE_RETURN: &str = sql!("
INSERT INTO stock_returns (tenant, order_id, return_number, product_id, restocked, written_off, booked_at)
SELECT $2, $3, $4, CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS BIGINT), " now "
FROM json_each($5) WHERE true
ON CONFLICT (tenant, order_id, return_number, product_id) DO NOTHING");

const BOOK_RETURNED: &str = sql!("
INSERT INTO stock_movements (tenant, product_id, kind, units, order_id, moved_at)
SELECT tenant, product_id, 'returned', restocked, order_id, " now " FROM stock_returns
WHERE tenant = $2 AND order_id = $3 AND return_number = $4 AND restocked > 0");

const PUT_BACK: &str = sql!("
UPDATE stock SET available = available + restocked, updated_at = " now "
FROM (SELECT product_id AS back, restocked FROM stock_returns
      WHERE tenant = $2 AND order_id = $3 AND return_number = $4 AND restocked > 0) AS returned
WHERE tenant = $2 AND product_id = back");

#[async_trait]
impl Stockroom for Adapters {
    async fn reservation(&self, tx: &mut Tx, order: OrderId) -> Result<Option<ReservationState>> {
        let tenant = tx.tenant();
        let query = sqlx::query_scalar(RESERVATION).bind(tenant.as_str()).bind(order.0);
        let state: Option<String> = query.fetch_optional(connection(tx).await?).await?;
        Ok(state.map(|state| state.parse()).transpose()?)
    }

    async fn stock(&self, tx: &mut Tx, wanted: &[ProductId]) -> Result<BTreeMap<ProductId, Stock>> {
        let tenant = tx.tenant();
        let query = sqlx::query_as(STOCK).bind(tenant.as_str()).bind(products(wanted)?);
        let found: Vec<StockRow> = query.fetch_all(connection(tx).await?).await?;
        let read = |row: StockRow| {
            Ok((ProductId(row.product_id), Stock::new(row.available, row.reserved, row.reorder_level)?))
        };
        found.into_iter().map(read).collect()
    }

    async fn hold(&self, tx: &mut Tx, order: OrderId, held: &[Held]) -> Result {
        self.reserve(tx, order, ReservationState::Held).await?;
        let tenant = tx.tenant();
        let lines = rows(held.iter().map(|held| (held.product, held.units)))?;
        let connection = connection(tx).await?;
        let query = sqlx::query(RESERVE_LINES).bind(tenant.as_str()).bind(order.0).bind(lines);
        query.execute(&mut *connection).await?;
        let query = sqlx::query(HOLD).bind(self.now()).bind(tenant.as_str()).bind(order.0);
        let moved = query.execute(connection).await?.rows_affected();
        if usize::try_from(moved)? == held.len() {
            return Ok(());
        }
        Err(Failure::retry(format!("the stock that order {order} was to hold is gone")))
    }

    async fn give_back(&self, tx: &mut Tx, order: OrderId) -> Result {
        self.end(tx, order, ReservationState::Released, &[GIVE_BACK]).await
    }

    async fn leave_tombstone(&self, tx: &mut Tx, order: OrderId) -> Result {
        self.reserve(tx, order, ReservationState::Released).await
    }

    async fn take_out(&self, tx: &mut Tx, order: OrderId) -> Result {
        self.end(tx, order, ReservationState::Committed, &[BOOK_SHIPPED, TAKE_OUT]).await
    }

    async fn take_back(&self, tx: &mut Tx, order: OrderId, number: ReturnNumber, back: &[TakenBack]) -> Result {
        let tenant = tx.tenant();
        let lines = rows(back.iter().map(|back| (back.product, back.restocked, back.written_off)))?;
        let connection = connection(tx).await?;
        let query =
            sqlx::query(NOTE_RETURN).bind(self.now()).bind(tenant.as_str()).bind(order.0).bind(number.0).bind(lines);
        if query.execute(&mut *connection).await?.rows_affected() == 0 {
            return Ok(());
        }
        for statement in [BOOK_RETURNED, PUT_BACK] {
            let query = sqlx::query(statement).bind(self.now()).bind(tenant.as_str()).bind(order.0).bind(number.0);
            query.execute(&mut *connection).await?;
        }
        Ok(())
    }
}

impl Adapters {
    async fn reserve(&self, tx: &mut Tx, order: OrderId, state: ReservationState) -> Result {
        let tenant = tx.tenant();
        let query = sqlx::query(RESERVE).bind(tenant.as_str()).bind(order.0).bind(state.as_str());
        query.execute(connection(tx).await?).await?;
        Ok(())
    }

    /// Ends a reservation that holds, and moves its stock.
    async fn end(&self, tx: &mut Tx, order: OrderId, state: ReservationState, how: &[&'static str]) -> Result {
        let tenant = tx.tenant();
        let connection = connection(tx).await?;
        let query = sqlx::query(END).bind(tenant.as_str()).bind(order.0).bind(state.as_str());
        if query.execute(&mut *connection).await?.rows_affected() == 0 {
            return Err(Failure::dead_letter(format!("order {order} holds nothing that could be {state}")));
        }
        for &statement in how {
            let query = sqlx::query(statement).bind(self.now()).bind(tenant.as_str()).bind(order.0);
            query.execute(&mut *connection).await?;
        }
        Ok(())
    }
}
