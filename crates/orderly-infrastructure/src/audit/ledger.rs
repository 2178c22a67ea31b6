//! What must hold between an order, its payment and its stock.

use super::{Check, Comparison};

pub(super) const CHECKS: &[Check] =
    &[CAPTURED_WITHIN_TOTAL, REFUNDED_WITHIN_CAPTURED, LEDGER_BALANCES, SHIPPED_IS_PAID, NOTHING_KEPT, NOTHING_HELD];

/// With their names as invariants.
pub(crate) const COMPARISONS: &[(&str, Comparison)] = &[("ledger-agrees-with-payments", LEDGER_AGREES)];

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

/// What is given back for returns, or asked for, is at most what was taken and is not given back as a whole. A refund is
/// put on record while its payment is kept from others, so this holds at every moment.
const REFUNDED_WITHIN_CAPTURED: Check = Check {
    invariant: super::CAPTURED_WITHIN_TOTAL,
    of: "order",
    rows: "SELECT count(*) FROM payment_refunds",
    broken: "
        SELECT order_id AS id, 'captured ' || sum(captured) || ', refunds of ' || sum(refunds) AS detail
        FROM (
            SELECT tenant, order_id, captured_minor AS captured, 0 AS refunds FROM payments WHERE state = 'captured'
            UNION ALL
            SELECT tenant, order_id, 0, amount_minor FROM payment_refunds
        ) AS money
        GROUP BY tenant, order_id HAVING sum(refunds) > 0 AND sum(refunds) > sum(captured)",
};

/// Whatever is debited is credited, payment by payment.
const LEDGER_BALANCES: Check = Check {
    invariant: "ledger-balances",
    of: "order",
    rows: "SELECT count(*) FROM ledger_entries",
    broken: "
        SELECT order_id AS id, 'debited ' || sum(debit_minor) || ', credited ' || sum(credit_minor) AS detail
        FROM ledger_entries GROUP BY tenant, order_id, currency
        HAVING sum(debit_minor) <> sum(credit_minor)",
};

/// What the ledger says that the provider holds is what payments says that it took and has not given back. Entries are
/// written with the rows that they are about.
const LEDGER_AGREES: Comparison = Comparison {
    code: "ledger-balance",
    of: "order",
    rows: "SELECT count(*) FROM payments",
    records: ["payments keep", "the ledger"],
    differing: "
        SELECT order_id AS id, CAST(sum(kept) AS TEXT) AS one, CAST(sum(booked) AS TEXT) AS other
        FROM (
            SELECT tenant, order_id, captured_minor AS kept, 0 AS booked FROM payments WHERE state = 'captured'
            UNION ALL
            SELECT tenant, order_id, amount_minor, 0 FROM payment_strays WHERE refunded_at IS NULL
            UNION ALL
            SELECT tenant, order_id, -amount_minor, 0 FROM payment_refunds WHERE refunded_at IS NOT NULL
            UNION ALL
            SELECT tenant, order_id, 0, debit_minor - credit_minor FROM ledger_entries WHERE account = 'provider'
        ) AS money
        GROUP BY tenant, order_id HAVING sum(kept) <> sum(booked)",
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
