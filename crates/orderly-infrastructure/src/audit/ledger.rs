//! What must hold between an order, its payment and its stock.

use super::Check;

pub(super) const CHECKS: &[Check] = &[CAPTURED_WITHIN_TOTAL, SHIPPED_IS_PAID, NOTHING_KEPT, NOTHING_HELD];

/// No more is taken than was meant to be, and no more is meant to be than the order costs. A tombstone, left by a void
/// that came before the payment, means to take nothing, in whatever currency. Holds at every moment.
const CAPTURED_WITHIN_TOTAL: Check = Check {
    invariant: super::CAPTURED_WITHIN_TOTAL,
    of: "order",
    rows: "SELECT count(*) FROM payments",
    broken: "
        SELECT orders.id, 'total ' || orders.total_minor || ' ' || orders.currency || ', intent '
            || payments.total_minor || ' ' || payments.currency || ', captured '
            || coalesce(captured_minor, 0) AS detail
        FROM payments JOIN orders ON orders.tenant = payments.tenant AND orders.id = payments.order_id
        WHERE payments.total_minor <> 0
          AND (payments.total_minor > orders.total_minor OR payments.currency <> orders.currency
               OR coalesce(captured_minor, 0) > payments.total_minor)",
};

/// The saga hears of a capture only after payments has booked it, so this holds from the moment an order is Paid.
const SHIPPED_IS_PAID: Check = Check {
    invariant: "shipped-is-paid",
    of: "order",
    rows: "SELECT count(*) FROM orders WHERE status IN ('Paid', 'Shipped', 'Delivered')",
    broken: "
        SELECT orders.id, status || ': costs ' || orders.total_minor || ', paid '
            || coalesce(sum(captured_minor), 0) AS detail
        FROM orders LEFT JOIN payments
            ON payments.tenant = orders.tenant AND payments.order_id = orders.id AND payments.state = 'captured'
        WHERE status IN ('Paid', 'Shipped', 'Delivered')
        GROUP BY orders.tenant, orders.id, status, orders.total_minor
        HAVING coalesce(sum(captured_minor), 0) <> orders.total_minor",
};

/// Before its saga ends, a cancelled or expired order may still have money to be given back.
const NOTHING_KEPT: Check = Check {
    invariant: super::NOTHING_KEPT,
    of: "order",
    rows: "SELECT count(*) FROM orders WHERE status IN ('Cancelled', 'Expired')",
    broken: "
        SELECT orders.id, status || ', and ' || captured_minor || ' captured' AS detail
        FROM orders
        JOIN wharf.sagas AS saga ON saga.tenant = orders.tenant AND saga.saga = 'orders.fulfilment'
            AND saga.key = 'order:' || orders.id AND saga.finished_at IS NOT NULL
        JOIN payments ON payments.tenant = orders.tenant AND payments.order_id = orders.id
        WHERE status IN ('Cancelled', 'Expired') AND payments.state = 'captured'",
};

/// The same of stock. That of a delivered order may still be held while the request to take it off the shelf waits.
const NOTHING_HELD: Check = Check {
    invariant: "nothing-held-for-what-is-over",
    of: "order",
    rows: "SELECT count(*) FROM wharf.sagas WHERE saga = 'orders.fulfilment' AND finished_at IS NOT NULL",
    broken: "
        SELECT orders.id, status || ', and stock is held' AS detail
        FROM orders
        JOIN wharf.sagas AS saga ON saga.tenant = orders.tenant AND saga.saga = 'orders.fulfilment'
            AND saga.key = 'order:' || orders.id AND saga.finished_at IS NOT NULL
        JOIN reservations ON reservations.tenant = orders.tenant AND reservations.order_id = orders.id
            AND reservations.state = 'held'
        LEFT JOIN (
            SELECT tenant, key FROM wharf.deliveries UNION SELECT tenant, key FROM wharf.dead_letters
        ) AS waiting ON waiting.tenant = saga.tenant AND waiting.key = saga.key
        WHERE status IN ('Cancelled', 'Expired') OR waiting.key IS NULL",
};
