//! What must hold of orders, their lines, their history and what customers are told of them.

use futures_util::TryStreamExt;
use orderly_orders::domain::{OrderStatus, check_history};

use super::{Check, findings::Findings, snapshot::Snapshot};

pub(super) const CHECKS: &[Check] =
    &[TOTAL_IS_SUM, ONE_PER_REFERENCE, STEPS_RECORDED, HISTORY_ENDS_HERE, TOLD, TOLD_ONCE, TENANTS_AGREE];

/// Lines are written with their order, and neither ever changes.
const TOTAL_IS_SUM: Check = Check {
    invariant: "total-is-sum-of-lines",
    of: "order",
    rows: "SELECT count(*) FROM orders",
    broken: "
        SELECT id, 'total ' || total_minor || ', lines ' || coalesce(sum(quantity * unit_minor), 0) AS detail
        FROM orders LEFT JOIN order_lines ON order_lines.tenant = orders.tenant AND order_id = id
        GROUP BY orders.tenant, id, total_minor
        HAVING total_minor <> coalesce(sum(quantity * unit_minor), 0)",
};

/// Whatever a client sends twice under one reference, it orders once.
const ONE_PER_REFERENCE: Check = Check {
    invariant: "one-order-per-reference",
    of: "order",
    rows: "SELECT count(*) FROM orders WHERE reference IS NOT NULL",
    broken: "
        SELECT max(id) AS id, count(*) || ' orders are called ' || reference AS detail
        FROM orders WHERE reference IS NOT NULL GROUP BY tenant, reference HAVING count(*) > 1",
};

/// Every transition has one row: the steps of the history count from 1 to the order's own, without gap or double.
const STEPS_RECORDED: Check = Check {
    invariant: "every-step-is-recorded",
    of: "order",
    rows: "SELECT count(*) FROM order_history",
    broken: "
        SELECT id, 'at step ' || orders.step || ', recorded ' || count(history.step) || ' from '
            || coalesce(min(history.step), 0) || ' to ' || coalesce(max(history.step), 0) AS detail
        FROM orders LEFT JOIN order_history AS history ON history.tenant = orders.tenant AND history.order_id = id
        GROUP BY orders.tenant, id, orders.step
        HAVING count(history.step) <> orders.step OR count(DISTINCT history.step) <> orders.step
            OR coalesce(min(history.step), 0) <> 1 OR coalesce(max(history.step), 0) <> orders.step",
};

/// The last step of the history says where the order is. See [`check_steps`] for those before.
const HISTORY_ENDS_HERE: Check = Check {
    invariant: HISTORY_IS_LEGAL,
    of: "order",
    rows: "SELECT count(*) FROM orders",
    broken: "
        SELECT id, 'is ' || orders.status || ', its history ends as ' || history.status AS detail
        FROM orders JOIN order_history AS history
            ON history.tenant = orders.tenant AND history.order_id = id AND history.step = orders.step
        WHERE history.status <> orders.status",
};

const HISTORY_IS_LEGAL: &str = "history-is-legal";

/// Of each thing worth telling there is a notification, unless something about the order still waits: it may be that.
const TOLD: Check = Check {
    invariant: "told-of-everything",
    of: "order",
    rows: "
        SELECT count(*) FROM order_history WHERE status IN ('Paid', 'Shipped', 'Delivered', 'Cancelled', 'Expired')",
    broken: "
        SELECT order_id AS id, 'was not told: ' || status AS detail
        FROM order_history AS history
        LEFT JOIN (
            SELECT tenant, key FROM wharf.deliveries UNION SELECT tenant, key FROM wharf.dead_letters
        ) AS waiting ON waiting.tenant = history.tenant AND waiting.key = 'order:' || order_id
        WHERE waiting.key IS NULL AND status IN ('Paid', 'Shipped', 'Delivered', 'Cancelled', 'Expired')
          AND NOT EXISTS (
              SELECT 1 FROM notifications AS told
              WHERE told.tenant = history.tenant AND told.order_id = history.order_id
                AND told.type = CASE status WHEN 'Paid' THEN 'OrderCompleted' ELSE 'Order' || status END)",
};

/// Of each thing there is one notification.
const TOLD_ONCE: Check = Check {
    invariant: "told-once",
    of: "order",
    rows: "SELECT count(*) FROM notifications",
    broken: "
        SELECT order_id AS id, 'was told ' || count(*) || ' times: ' || type AS detail
        FROM notifications WHERE order_id IS NOT NULL
        GROUP BY tenant, order_id, type HAVING count(*) > 1",
};

/// Every row about an order is of the order's tenant. All of them are written after the order was committed.
const TENANTS_AGREE: Check = Check {
    invariant: "tenants-agree",
    of: "order",
    rows: "
        SELECT (SELECT count(*) FROM order_lines) + (SELECT count(*) FROM order_history)
             + (SELECT count(*) FROM reservations) + (SELECT count(*) FROM reservation_lines)
             + (SELECT count(*) FROM stock_movements WHERE order_id IS NOT NULL)
             + (SELECT count(*) FROM payments) + (SELECT count(*) FROM payment_attempts)
             + (SELECT count(*) FROM shipments) + (SELECT count(*) FROM wharf.sagas)
             + (SELECT count(*) FROM order_returns) + (SELECT count(*) FROM order_return_lines)
             + (SELECT count(*) FROM payment_refunds) + (SELECT count(*) FROM refund_attempts)
             + (SELECT count(*) FROM stock_returns)
             + (SELECT count(*) FROM notifications WHERE order_id IS NOT NULL)",
    broken: "
        SELECT id, detail FROM (
            SELECT tenant, order_id AS id, 'a line of tenant ' || tenant AS detail FROM order_lines
            UNION ALL SELECT tenant, order_id, 'a step of tenant ' || tenant FROM order_history
            UNION ALL SELECT tenant, order_id, 'a reservation of tenant ' || tenant FROM reservations
            UNION ALL SELECT tenant, order_id, 'a held line of tenant ' || tenant FROM reservation_lines
            UNION ALL SELECT tenant, order_id, 'a movement of tenant ' || tenant FROM stock_movements
                      WHERE order_id IS NOT NULL
            UNION ALL SELECT tenant, order_id, 'a payment of tenant ' || tenant FROM payments
            UNION ALL SELECT tenant, order_id, 'a payment attempt of tenant ' || tenant FROM payment_attempts
            UNION ALL SELECT tenant, order_id, 'a shipment of tenant ' || tenant FROM shipments
            UNION ALL SELECT tenant, order_id, 'a return of tenant ' || tenant FROM order_returns
            UNION ALL SELECT tenant, order_id, 'a returned line of tenant ' || tenant FROM order_return_lines
            UNION ALL SELECT tenant, order_id, 'a refund of tenant ' || tenant FROM payment_refunds
            UNION ALL SELECT tenant, order_id, 'a refund attempt of tenant ' || tenant FROM refund_attempts
            UNION ALL SELECT tenant, order_id, 'returned stock of tenant ' || tenant FROM stock_returns
            UNION ALL SELECT tenant, order_id, 'a notification of tenant ' || tenant FROM notifications
                      WHERE order_id IS NOT NULL
            UNION ALL SELECT tenant, CAST(substr(key, 7) AS BIGINT), 'a saga of tenant ' || tenant FROM wharf.sagas
                      WHERE saga = 'orders.fulfilment'
        ) AS written
        WHERE NOT EXISTS (SELECT 1 FROM orders WHERE orders.tenant = written.tenant AND orders.id = written.id)",
};

/// Each kind of step that any order ever took. There are at most as many as pairs of statuses.
const KINDS_OF_STEP: &str = "
    SELECT coalesce(earlier, '') AS earlier, status, count(*) AS times, min(order_id) AS first_order FROM (
        SELECT order_id, status, lag(status) OVER (PARTITION BY order_id ORDER BY step) AS earlier
        FROM order_history
    ) AS steps
    GROUP BY earlier, status ORDER BY first_order";

/// Every history begins as Pending and follows the graph. The domain decides each kind of step once.
pub(super) async fn check_steps(shop: &mut Snapshot, findings: &mut Findings) -> sqlx::Result<()> {
    let mut kinds = shop.rows::<(String, String, i64, i64)>(KINDS_OF_STEP);
    while let Some((earlier, status, times, first_order)) = kinds.try_next().await? {
        findings.checked(HISTORY_IS_LEGAL, times.unsigned_abs());
        if !is_legal(&earlier, &status) {
            findings.add(HISTORY_IS_LEGAL, format!("order:{first_order}"), || match earlier.as_str() {
                "" => format!("began as {status} ({times} times in all)"),
                _ => format!("went from {earlier} to {status} ({times} times in all)"),
            });
        }
    }
    Ok(())
}

fn is_legal(earlier: &str, status: &str) -> bool {
    let Ok(status) = status.parse::<OrderStatus>() else { return false };
    match earlier {
        "" => check_history(&[status]).is_ok(),
        _ => earlier.parse::<OrderStatus>().is_ok_and(|earlier| earlier.can_become(status)),
    }
}
