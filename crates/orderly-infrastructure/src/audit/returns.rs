//! What must hold of returns, and of the money and the stock that follow them.
//!
//! Orders records a return and announces it in one commit; payments and inventory follow in deliveries of their own. As
//! long as something about the order still waits, or was given up and stands among the dead letters, it may be that.

use super::Check;

pub(super) const CHECKS: &[Check] =
    &[RETURNED_WITHIN_SHIPPED, REFUND_IS_SUM_OF_LINES, RETURNS_ARE_REFUNDED, RETURNS_ARE_PUT_AWAY];

/// Nothing comes back of what was not delivered, and no line more often than it was shipped. The order is kept from others
/// while a return is written, so this holds at every moment.
const RETURNED_WITHIN_SHIPPED: Check = Check {
    invariant: "returned-within-shipped",
    of: "order",
    rows: "SELECT count(*) FROM order_return_lines",
    broken: "
        SELECT back.order_id AS id,
               coalesce(status, 'no order') || ', line ' || back.line || ': shipped ' || coalesce(quantity, 0)
               || ', returned ' || sum(units) AS detail
        FROM order_return_lines AS back
        LEFT JOIN orders ON orders.tenant = back.tenant AND orders.id = back.order_id
        LEFT JOIN order_lines AS line
            ON line.tenant = back.tenant AND line.order_id = back.order_id AND line.line = back.line
        GROUP BY back.tenant, back.order_id, back.line, status, quantity
        HAVING coalesce(status, '') <> 'Delivered' OR sum(units) > coalesce(quantity, 0)",
};

/// What is given back is what it cost. Lines are written with their return, and neither ever changes.
const REFUND_IS_SUM_OF_LINES: Check = Check {
    invariant: "refund-is-sum-of-lines",
    of: "order",
    rows: "SELECT count(*) FROM order_returns",
    broken: "
        SELECT order_id AS id,
               'return ' || number || ': refund ' || sum(refund) || ', lines ' || sum(lines) AS detail
        FROM (
            SELECT tenant, order_id, number, refund_minor AS refund, 0 AS lines FROM order_returns
            UNION ALL
            SELECT back.tenant, back.order_id, number, 0, units * unit_minor
            FROM order_return_lines AS back JOIN order_lines AS line
                ON line.tenant = back.tenant AND line.order_id = back.order_id AND line.line = back.line
        ) AS sides
        GROUP BY tenant, order_id, number HAVING sum(refund) <> sum(lines)",
};

/// Of each return exactly its refund is asked for, and it is given back, unless something about the order still waits. A
/// refund that is asked for and not yet made always has a message that waits.
const RETURNS_ARE_REFUNDED: Check = Check {
    invariant: "returns-are-refunded",
    of: "order",
    rows: "SELECT (SELECT count(*) FROM order_returns) + (SELECT count(*) FROM payment_refunds)",
    broken: "
        SELECT order_id AS id,
               'return ' || number || ': owed ' || sum(owed) || ', asked for ' || sum(asked) || ', made ' || sum(made)
               AS detail
        FROM (
            SELECT tenant, order_id, number, refund_minor AS owed, 0 AS asked, 0 AS made FROM order_returns
            UNION ALL
            SELECT tenant, order_id, return_number, 0, amount_minor,
                   CASE WHEN refunded_at IS NULL THEN 0 ELSE amount_minor END
            FROM payment_refunds
        ) AS sides
        LEFT JOIN (
            SELECT tenant AS whose, key FROM wharf.deliveries UNION SELECT tenant, key FROM wharf.dead_letters
        ) AS waiting ON whose = tenant AND key = 'order:' || order_id
        GROUP BY tenant, order_id, number, key
        HAVING (sum(asked) <> 0 AND sum(asked) <> sum(owed)) OR (key IS NULL AND sum(made) <> sum(owed))",
};

/// Of each return exactly what came back is put on the shelf, with a movement, or written off, unless something about the
/// order still waits.
const RETURNS_ARE_PUT_AWAY: Check = Check {
    invariant: "returns-are-put-away",
    of: "order",
    rows: "SELECT (SELECT count(*) FROM order_return_lines) + (SELECT count(*) FROM stock_returns)",
    broken: "
        SELECT order_id AS id,
               'product ' || product_id || ': to restock ' || sum(restock) || ', to write off ' || sum(write_off)
               || ', restocked ' || sum(restocked) || ', written off ' || sum(written_off) || ', moved ' || sum(moved)
               AS detail
        FROM (
            SELECT back.tenant, back.order_id, product_id,
                   CASE fate WHEN 'restock' THEN units ELSE 0 END AS restock,
                   CASE fate WHEN 'restock' THEN 0 ELSE units END AS write_off,
                   0 AS restocked, 0 AS written_off, 0 AS moved
            FROM order_return_lines AS back JOIN order_lines AS line
                ON line.tenant = back.tenant AND line.order_id = back.order_id AND line.line = back.line
            UNION ALL
            SELECT tenant, order_id, product_id, 0, 0, restocked, written_off, 0 FROM stock_returns
            UNION ALL
            SELECT tenant, coalesce(order_id, 0), product_id, 0, 0, 0, 0, units FROM stock_movements
            WHERE kind = 'returned'
        ) AS sides
        LEFT JOIN (
            SELECT tenant AS whose, key FROM wharf.deliveries UNION SELECT tenant, key FROM wharf.dead_letters
        ) AS waiting ON whose = tenant AND key = 'order:' || order_id
        GROUP BY tenant, order_id, product_id, key
        HAVING sum(moved) <> sum(restocked) OR sum(restocked) > sum(restock) OR sum(written_off) > sum(write_off)
            OR (key IS NULL AND (sum(restocked) <> sum(restock) OR sum(written_off) <> sum(write_off)))",
};
