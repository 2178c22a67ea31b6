//! What must hold of stock, its movements and reservations. A reservation moves together with the stock that it moves, and
//! stock together with the row that says why, in one commit; so these hold at every moment.

use super::{Check, Comparison};

pub(super) const CHECKS: &[Check] = &[STOCK_NOT_NEGATIVE, HELD_AS_ORDERED];

/// With their names as invariants.
pub(crate) const COMPARISONS: &[(&str, Comparison)] = &[
    ("stock-adds-up", STOCK_ADDS_UP),
    ("reserved-is-held", RESERVED_IS_HELD),
    ("shipped-is-booked", SHIPPED_IS_BOOKED),
];

/// Nothing is sold that is not there.
const STOCK_NOT_NEGATIVE: Check = Check {
    invariant: "stock-not-negative",
    of: "product",
    rows: "SELECT count(*) FROM stock",
    broken: "
        SELECT product_id AS id, 'available ' || available || ', reserved ' || reserved AS detail
        FROM stock WHERE available < 0 OR reserved < 0",
};

/// What lies in the warehouse is what came, less what went.
const STOCK_ADDS_UP: Comparison = Comparison {
    code: "stock-on-hand",
    of: "product",
    rows: "SELECT count(*) FROM stock",
    records: ["on hand", "moved"],
    differing: "
        SELECT product_id AS id, CAST(sum(on_hand) AS TEXT) AS one, CAST(sum(moved) AS TEXT) AS other
        FROM (
            SELECT tenant, product_id, available + reserved AS on_hand, 0 AS moved FROM stock
            UNION ALL SELECT tenant, product_id, 0, units FROM stock_movements
        ) AS sides
        GROUP BY tenant, product_id HAVING sum(on_hand) <> sum(moved)",
};

/// What is kept back of a product is what orders hold of it.
const RESERVED_IS_HELD: Comparison = Comparison {
    code: "stock-reserved",
    of: "product",
    rows: "SELECT count(*) FROM stock",
    records: ["reserved", "held"],
    differing: "
        SELECT product_id AS id, CAST(sum(reserved) AS TEXT) AS one, CAST(sum(held) AS TEXT) AS other
        FROM (
            SELECT tenant, product_id, reserved, 0 AS held FROM stock
            UNION ALL
            SELECT line.tenant, line.product_id, 0, line.units
            FROM reservations JOIN reservation_lines AS line
                ON line.tenant = reservations.tenant AND line.order_id = reservations.order_id
            WHERE reservations.state = 'held'
        ) AS sides
        GROUP BY tenant, product_id HAVING sum(reserved) <> sum(held)",
};

/// What left with an order is what was held for it, and nothing leaves with an order that still holds, or holds no more.
const SHIPPED_IS_BOOKED: Comparison = Comparison {
    code: "stock-shipped",
    of: "order",
    rows: "SELECT count(*) FROM stock_movements WHERE kind = 'shipped'",
    records: ["gone", "booked"],
    differing: "
        SELECT order_id AS id, sum(gone) || ' of product ' || product_id AS one,
               sum(booked) || ' of product ' || product_id AS other
        FROM (
            SELECT line.tenant, line.order_id, line.product_id, line.units AS gone, 0 AS booked
            FROM reservations JOIN reservation_lines AS line
                ON line.tenant = reservations.tenant AND line.order_id = reservations.order_id
            WHERE reservations.state = 'committed'
            UNION ALL
            SELECT tenant, coalesce(order_id, 0), product_id, 0, -units FROM stock_movements WHERE kind = 'shipped'
        ) AS sides
        GROUP BY tenant, order_id, product_id HAVING sum(gone) <> sum(booked)",
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
