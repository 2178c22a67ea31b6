//! What must hold of stock and reservations. Each reservation moves together with the stock it moves, in one commit, so
//! these hold at every moment.

use super::Check;

pub(super) const CHECKS: &[Check] = &[STOCK_NOT_NEGATIVE, STOCK_ADDS_UP, RESERVED_IS_HELD, HELD_AS_ORDERED];

/// Nothing is sold that is not there.
const STOCK_NOT_NEGATIVE: Check = Check {
    invariant: "stock-not-negative",
    of: "product",
    rows: "SELECT count(*) FROM stock",
    broken: "
        SELECT product_id AS id, 'available ' || available || ', reserved ' || reserved AS detail
        FROM stock WHERE available < 0 OR reserved < 0",
};

/// What there was at first is still there, or has left with a parcel.
const STOCK_ADDS_UP: Check = Check {
    invariant: "stock-adds-up",
    of: "product",
    rows: "SELECT count(*) FROM stock",
    broken: "
        SELECT stock.product_id AS id,
               'opened with ' || opening || ', has available ' || available || ', reserved ' || reserved
               || ', gone ' || coalesce(gone.units, 0) AS detail
        FROM stock LEFT JOIN (
            SELECT line.tenant, line.product_id, sum(line.units) AS units
            FROM reservations JOIN reservation_lines AS line
                ON line.tenant = reservations.tenant AND line.order_id = reservations.order_id
            WHERE reservations.state = 'committed'
            GROUP BY line.tenant, line.product_id
        ) AS gone ON gone.tenant = stock.tenant AND gone.product_id = stock.product_id
        WHERE opening <> available + reserved + coalesce(gone.units, 0)",
};

/// What is kept back of a product is what orders hold of it.
const RESERVED_IS_HELD: Check = Check {
    invariant: "reserved-is-held",
    of: "product",
    rows: "SELECT count(*) FROM stock",
    broken: "
        SELECT stock.product_id AS id, 'reserved ' || reserved || ', held ' || coalesce(held.units, 0) AS detail
        FROM stock LEFT JOIN (
            SELECT line.tenant, line.product_id, sum(line.units) AS units
            FROM reservations JOIN reservation_lines AS line
                ON line.tenant = reservations.tenant AND line.order_id = reservations.order_id
            WHERE reservations.state = 'held'
            GROUP BY line.tenant, line.product_id
        ) AS held ON held.tenant = stock.tenant AND held.product_id = stock.product_id
        WHERE reserved <> coalesce(held.units, 0)",
};

/// A reservation that is held, or has left, holds each product of its order once and in the ordered quantity.
const HELD_AS_ORDERED: Check = Check {
    invariant: "held-as-ordered",
    of: "order",
    rows: "SELECT count(*) FROM reservation_lines",
    broken: "
        SELECT order_id AS id,
               'product ' || product_id || ': ordered ' || sum(ordered) || ', held ' || sum(held)
               || ' in ' || sum(times) AS detail
        FROM (
            SELECT reservations.tenant, reservations.order_id, product_id, quantity AS ordered, 0 AS held, 0 AS times
            FROM reservations JOIN order_lines AS line
                ON line.tenant = reservations.tenant AND line.order_id = reservations.order_id
            WHERE reservations.state IN ('held', 'committed')
            UNION ALL
            SELECT reservations.tenant, reservations.order_id, product_id, 0, units, 1
            FROM reservations JOIN reservation_lines AS line
                ON line.tenant = reservations.tenant AND line.order_id = reservations.order_id
            WHERE reservations.state IN ('held', 'committed')
        ) AS lines
        GROUP BY tenant, order_id, product_id
        HAVING sum(ordered) <> sum(held) OR sum(times) > 1",
};
