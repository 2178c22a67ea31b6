//! Everything that the audit must find: one thing wrong in a shop that is otherwise right.

/// Something wrong.
pub(super) struct Plant {
    pub(super) what: &'static str,
    /// Tables whose constraints would not allow it.
    pub(super) unguarded: &'static [&'static str],
    pub(super) shop: &'static str,
    pub(super) books: &'static str,
    /// The invariants that this breaks, and by which ids.
    pub(super) breaks: &'static [(&'static str, &'static str)],
}

/// What a plant is unless it says otherwise.
const NOTHING: Plant = Plant { what: "", unguarded: &[], shop: "", books: "", breaks: &[] };

pub(super) const PLANTS: &[Plant] = &[
    Plant {
        what: "more was sold than there is",
        unguarded: &["stock"],
        shop: "UPDATE stock SET available = -1 WHERE product_id = 1;
               UPDATE stock_movements SET units = -3 WHERE product_id = 1 AND kind = 'received'",
        breaks: &[("stock-not-negative", "product:1")],
        ..NOTHING
    },
    Plant {
        what: "a unit is gone, and no movement says why",
        shop: "UPDATE stock SET available = available - 1 WHERE product_id = 2",
        breaks: &[("stock-adds-up", "product:2")],
        ..NOTHING
    },
    Plant {
        what: "units came, and are on no shelf",
        shop: "INSERT INTO stock_movements (tenant, product_id, kind, units, moved_at) VALUES ('acme', 404, 'received', 3, 0)",
        breaks: &[("stock-adds-up", "product:404")],
        ..NOTHING
    },
    Plant {
        what: "another tenant's unit has left",
        shop: "UPDATE stock_movements SET tenant = 'globex' WHERE product_id = 2 AND kind = 'shipped'",
        breaks: &[("shipped-is-booked", "order:1"), ("stock-adds-up", "product:2"), ("tenants-agree", "order:1")],
        ..NOTHING
    },
    Plant {
        what: "an order's parcel has left, and what was in it was not booked",
        shop: "DELETE FROM stock_movements WHERE product_id = 2 AND kind = 'shipped';
               UPDATE stock SET available = available + 1 WHERE product_id = 2",
        breaks: &[("shipped-is-booked", "order:1")],
        ..NOTHING
    },
    Plant {
        what: "what left with an order was booked twice",
        shop: "INSERT INTO stock_movements (tenant, product_id, kind, units, order_id, moved_at)
               VALUES ('acme', 2, 'shipped', -1, 1, 0);
               UPDATE stock SET available = available - 1 WHERE product_id = 2",
        breaks: &[("shipped-is-booked", "order:1")],
        ..NOTHING
    },
    Plant {
        what: "units left with an order that still holds them",
        shop: "INSERT INTO stock_movements (tenant, product_id, kind, units, order_id, moved_at)
               VALUES ('acme', 1, 'shipped', -1, 7, 0);
               UPDATE stock SET available = available - 1 WHERE product_id = 1",
        breaks: &[("shipped-is-booked", "order:7")],
        ..NOTHING
    },
    Plant {
        what: "units are held of a product that is on no shelf",
        shop: "DELETE FROM stock WHERE product_id = 1; DELETE FROM stock_movements WHERE product_id = 1 AND kind <> 'shipped';
               INSERT INTO stock_movements (tenant, product_id, kind, units, moved_at) VALUES ('acme', 1, 'adjusted', 2, 0)",
        breaks: &[("reserved-is-held", "product:1")],
        ..NOTHING
    },
    Plant {
        what: "units are kept back for nobody",
        shop: "UPDATE stock SET available = available - 3, reserved = reserved + 3",
        breaks: &[("reserved-is-held", "product:1 product:2 product:3")],
        ..NOTHING
    },
    Plant {
        what: "more is held for an order than it asks for",
        shop: "UPDATE reservation_lines SET units = 2 WHERE order_id = 3;
               UPDATE stock SET available = available - 1, reserved = reserved + 1 WHERE product_id = 1",
        breaks: &[("held-as-ordered", "order:3")],
        ..NOTHING
    },
    Plant {
        what: "a product is held twice for one order",
        unguarded: &["reservation_lines"],
        shop: "INSERT INTO reservation_lines SELECT * FROM reservation_lines WHERE order_id = 3;
               UPDATE stock SET available = available - 1, reserved = reserved + 1 WHERE product_id = 1",
        breaks: &[("held-as-ordered", "order:3")],
        ..NOTHING
    },
    Plant {
        what: "a product of an order is not held",
        shop: "DELETE FROM reservation_lines WHERE order_id = 1 AND product_id = 2;
               DELETE FROM stock_movements WHERE order_id = 1 AND product_id = 2;
               UPDATE stock SET available = available + 1 WHERE product_id = 2",
        breaks: &[("held-as-ordered", "order:1")],
        ..NOTHING
    },
    Plant {
        what: "an intent means to take more than the order costs",
        shop: "UPDATE payments SET total_minor = 101 WHERE order_id = 3",
        breaks: &[("captured-within-total", "order:3")],
        ..NOTHING
    },
    Plant {
        what: "an intent is in another currency than the order",
        shop: "UPDATE payments SET currency = 'USD' WHERE order_id = 3",
        breaks: &[("captured-within-total", "order:3")],
        ..NOTHING
    },
    Plant {
        what: "more was captured than the intent meant to take",
        unguarded: &["payments"],
        shop: "UPDATE payments SET captured_minor = 101 WHERE order_id = 2",
        books: "UPDATE captures SET amount = 101 WHERE order_id = 2; UPDATE refunds SET amount = 101 WHERE order_id = 2",
        breaks: &[("captured-within-total", "order:2")],
    },
    Plant {
        what: "more was given back than was taken",
        books: "INSERT INTO refunds (capture_id, key, order_id, amount, currency, refunded_at)
                VALUES (4, 'pay:6:1', 6, 101, 'GBP', 0)",
        breaks: &[("captured-within-total", "order:6")],
        ..NOTHING
    },
    Plant {
        what: "money was credited and never debited",
        shop: "DELETE FROM ledger_entries WHERE order_id = 1 AND account = 'order'",
        breaks: &[("ledger-balances", "order:1")],
        ..NOTHING
    },
    Plant {
        what: "a payment is in no ledger",
        shop: "DELETE FROM ledger_entries WHERE order_id = 7",
        breaks: &[("ledger-agrees-with-payments", "order:7")],
        ..NOTHING
    },
    Plant {
        what: "an order is paid in part",
        shop: "UPDATE payments SET captured_minor = 99 WHERE order_id = 1",
        books: "UPDATE captures SET amount = 99 WHERE order_id = 1",
        breaks: &[("shipped-is-paid", "order:1")],
        ..NOTHING
    },
    Plant {
        what: "an order is on its way, and was not paid",
        shop: "UPDATE payments SET state = 'accepted', capture = NULL, captured_minor = NULL WHERE order_id = 8",
        breaks: &[("shipped-is-paid", "order:8")],
        ..NOTHING
    },
    Plant {
        what: "the money of a cancelled order was kept",
        shop: "UPDATE payments SET state = 'captured' WHERE order_id = 2",
        books: "DELETE FROM refunds WHERE order_id = 2",
        breaks: &[("nothing-kept-for-what-was-cancelled", "order:2")],
        ..NOTHING
    },
    Plant {
        what: "the money of a cancelled order was kept, and nobody noticed",
        shop: "INSERT INTO payments (tenant, order_id, intent, total_minor, currency, state, updated_at)
               VALUES ('acme', 4, 1, 100, 'GBP', 'accepted', 0)",
        books: "INSERT INTO captures (key, order_id, amount, currency, captured_at) VALUES ('pay:4:1', 4, 100, 'GBP', 0)",
        breaks: &[("nothing-kept-for-what-was-cancelled", "order:4")],
        ..NOTHING
    },
    Plant {
        what: "stock is held for a cancelled order",
        shop: "UPDATE reservations SET state = 'held' WHERE order_id = 2;
               UPDATE stock SET available = available - 1, reserved = reserved + 1 WHERE product_id = 1",
        breaks: &[("nothing-held-for-what-is-over", "order:2")],
        ..NOTHING
    },
    Plant {
        what: "what was delivered is still held, and nobody will book it",
        shop: "UPDATE reservations SET state = 'held' WHERE order_id = 1;
               DELETE FROM stock_movements WHERE order_id = 1;
               UPDATE stock SET reserved = reserved + 2 WHERE product_id = 1;
               UPDATE stock SET reserved = reserved + 1 WHERE product_id = 2",
        breaks: &[("nothing-held-for-what-is-over", "order:1")],
        ..NOTHING
    },
    Plant {
        what: "a total is not what the lines cost",
        shop: "UPDATE order_lines SET unit_minor = 99 WHERE order_id = 5",
        breaks: &[("total-is-sum-of-lines", "order:5")],
        ..NOTHING
    },
    Plant {
        what: "an order has no lines",
        shop: "DELETE FROM order_lines WHERE order_id = 5",
        breaks: &[("total-is-sum-of-lines", "order:5")],
        ..NOTHING
    },
    Plant {
        what: "two orders were placed under one reference",
        unguarded: &["orders"],
        shop: "UPDATE orders SET reference = 'A-1' WHERE id IN (2, 3)",
        breaks: &[("one-order-per-reference", "order:3")],
        ..NOTHING
    },
    Plant {
        what: "a step was not recorded",
        shop: "DELETE FROM order_history WHERE order_id = 5",
        breaks: &[("every-step-is-recorded", "order:5")],
        ..NOTHING
    },
    Plant {
        what: "a step was recorded twice",
        unguarded: &["order_history"],
        shop: "INSERT INTO order_history SELECT * FROM order_history WHERE order_id = 5",
        breaks: &[("every-step-is-recorded", "order:5"), ("history-is-legal", "order:5")],
        ..NOTHING
    },
    Plant {
        what: "an order went where the graph does not lead",
        shop: "UPDATE order_history SET status = 'Shipped' WHERE order_id = 8 AND step = 2",
        breaks: &[("history-is-legal", "order:8")],
        ..NOTHING
    },
    Plant {
        what: "an order did not begin as Pending",
        shop: "DELETE FROM order_history WHERE order_id = 3 AND step = 1;
               UPDATE order_history SET step = step - 1 WHERE order_id = 3 AND step = 2;
               UPDATE order_history SET step = step - 1 WHERE order_id = 3 AND step = 3;
               UPDATE orders SET step = 2 WHERE id = 3",
        breaks: &[("history-is-legal", "order:3")],
        ..NOTHING
    },
    Plant {
        what: "a history ends where the order is not",
        shop: "UPDATE order_history SET status = 'Cancelled' WHERE order_id = 6 AND step = 4",
        breaks: &[("history-is-legal", "order:6")],
        ..NOTHING
    },
    Plant {
        what: "a status that does not exist",
        shop: "UPDATE order_history SET status = 'Lost' WHERE order_id = 9 AND step = 2",
        breaks: &[("history-is-legal", "order:9")],
        ..NOTHING
    },
    Plant {
        what: "a customer was not told that the order is paid",
        shop: "DELETE FROM notifications WHERE order_id = 7",
        breaks: &[("told-of-everything", "order:7")],
        ..NOTHING
    },
    Plant {
        what: "the message that would have told the customer is lost",
        shop: "DELETE FROM wharf.deliveries WHERE key = 'order:8'",
        breaks: &[("told-of-everything", "order:8")],
        ..NOTHING
    },
    Plant {
        what: "a customer was told twice",
        unguarded: &["notifications"],
        shop: "INSERT INTO notifications SELECT * FROM notifications WHERE order_id = 4",
        breaks: &[("told-once", "order:4")],
        ..NOTHING
    },
    Plant {
        what: "a payment attempt belongs to another tenant than its order",
        shop: "UPDATE payment_attempts SET tenant = 'globex' WHERE order_id = 3",
        breaks: &[("tenants-agree", "order:3")],
        ..NOTHING
    },
    Plant {
        what: "another tenant was told of an order",
        shop: "INSERT INTO notifications (tenant, order_id, customer_id, type, message, metadata, created_at)
               VALUES ('globex', 1, 7, 'OrderCompleted', '', '{}', 0)",
        breaks: &[("tenants-agree", "order:1")],
        ..NOTHING
    },
    Plant {
        what: "a saga of an order that does not exist",
        shop: "INSERT INTO wharf.sagas
                   (tenant, saga, key, revision, version, state_name, state, facts, created_at, updated_at)
               VALUES ('acme', 'orders.fulfilment', 'order:404', 1, 1, 'Created', '{}', '{}', 0, 0)",
        breaks: &[("tenants-agree", "order:404")],
        ..NOTHING
    },
    Plant {
        what: "a saga ended, and its order did not",
        shop: "INSERT INTO wharf.sagas
                   (tenant, saga, key, revision, version, state_name, state, facts, finished_at, created_at, updated_at)
               VALUES ('acme', 'orders.fulfilment', 'order:5', 1, 1, 'Failed', '{}', '{}', 1, 0, 0)",
        breaks: &[("saga-agrees-with-order", "order:5")],
        ..NOTHING
    },
    Plant {
        what: "an order is delivered, and its saga goes on",
        shop: "UPDATE wharf.sagas SET state_name = 'Shipped', finished_at = NULL WHERE key = 'order:1';
               INSERT INTO wharf.timers (tenant, saga, key, name, generation, due_at, endpoint, takes_turns, trail)
               VALUES ('acme', 'orders.fulfilment', 'order:1', 'Delivery', 1, 1, 'order-saga', FALSE, '{}')",
        breaks: &[("saga-agrees-with-order", "order:1")],
        ..NOTHING
    },
    Plant {
        what: "an order that was placed, and of which no saga will ever hear",
        shop: "DELETE FROM wharf.deliveries WHERE key = 'order:5'",
        breaks: &[("what-waits-will-go-on", "order:5")],
        ..NOTHING
    },
    Plant {
        what: "a saga waits without a timer",
        shop: "DELETE FROM wharf.timers WHERE key = 'order:3'",
        breaks: &[("what-waits-will-go-on", "order:3")],
        ..NOTHING
    },
    Plant {
        what: "an order was charged under two keys",
        shop: "INSERT INTO payments (tenant, order_id, intent, total_minor, currency, state, updated_at)
               VALUES ('acme', 7, 2, 100, 'GBP', 'accepted', 0)",
        books: "INSERT INTO captures (key, order_id, amount, currency, captured_at) VALUES ('pay:7:2', 7, 100, 'GBP', 0)",
        breaks: &[("no-order-charged-twice", "order:7")],
        ..NOTHING
    },
    Plant {
        what: "the shop believes it was paid, and was not",
        books: "DELETE FROM captures WHERE order_id = 7",
        breaks: &[("payments-agree-with-provider", "order:7")],
        ..NOTHING
    },
    Plant {
        what: "the provider took another amount",
        books: "UPDATE captures SET amount = 1 WHERE order_id = 7",
        breaks: &[("payments-agree-with-provider", "order:7")],
        ..NOTHING
    },
    Plant {
        what: "the shop believes it gave money back, and did not",
        books: "DELETE FROM refunds WHERE order_id = 2",
        breaks: &[("nothing-kept-for-what-was-cancelled", "order:2"), ("payments-agree-with-provider", "order:2")],
        ..NOTHING
    },
    Plant {
        what: "money was given back under another key",
        books: "UPDATE refunds SET key = 'pay:2:2' WHERE order_id = 2",
        breaks: &[("payments-agree-with-provider", "order:2")],
        ..NOTHING
    },
    Plant {
        what: "a payment was declined, and taken",
        shop: "UPDATE payments SET state = 'declined' WHERE order_id = 3",
        breaks: &[("payments-agree-with-provider", "order:3")],
        ..NOTHING
    },
    Plant {
        what: "money was taken that nobody asked for",
        books: "INSERT INTO captures (key, order_id, amount, currency, captured_at) VALUES ('pay:5:1', 5, 100, 'GBP', 0)",
        breaks: &[("payments-agree-with-provider", "order:5")],
        ..NOTHING
    },
    Plant {
        what: "money was taken for an order that does not exist",
        books: "INSERT INTO captures (key, order_id, amount, currency, captured_at) VALUES ('pay:404:1', 404, 1, 'GBP', 0)",
        breaks: &[("payments-agree-with-provider", "order:404")],
        ..NOTHING
    },
    Plant {
        what: "money was given back for an order that goes on",
        books: "INSERT INTO refunds (capture_id, key, order_id, amount, currency, refunded_at)
                VALUES (5, 'pay:7:1', 7, 100, 'GBP', 0)",
        breaks: &[("payments-agree-with-provider", "order:7")],
        ..NOTHING
    },
    Plant {
        what: "an order was shipped twice",
        books: "INSERT INTO parcels (key, order_id, tracking, lines, shipped_at, delivery_at)
                VALUES ('ship:7:2', 7, 'SIM-999999', '[]', 0, 0)",
        breaks: &[("no-order-shipped-twice", "order:7")],
        ..NOTHING
    },
    Plant {
        what: "the shop believes an order is shipped, and the carrier knows nothing of it",
        books: "DELETE FROM parcels WHERE order_id = 8",
        breaks: &[("shipments-agree-with-carrier", "order:8")],
        ..NOTHING
    },
    Plant {
        what: "an order is shipped without a shipment",
        shop: "DELETE FROM shipments WHERE order_id = 8",
        breaks: &[("shipments-agree-with-carrier", "order:8")],
        ..NOTHING
    },
    Plant {
        what: "an order was shipped before it was paid",
        books: "INSERT INTO parcels (key, order_id, tracking, lines, shipped_at, delivery_at)
                VALUES ('ship:3', 3, 'SIM-000003', '[]', 0, 0)",
        breaks: &[("shipments-agree-with-carrier", "order:3")],
        ..NOTHING
    },
    Plant {
        what: "a cancelled order was shipped",
        books: "INSERT INTO parcels (key, order_id, tracking, lines, shipped_at, delivery_at)
                VALUES ('ship:4', 4, 'SIM-000004', '[]', 0, 0)",
        breaks: &[("shipments-agree-with-carrier", "order:4")],
        ..NOTHING
    },
    Plant {
        what: "more came back than was shipped",
        shop: "UPDATE order_return_lines SET units = 6 WHERE order_id = 11 AND number = 2",
        breaks: &[
            ("refund-is-sum-of-lines", "order:11"),
            ("returned-within-shipped", "order:11"),
            ("returns-are-put-away", "order:11"),
        ],
        ..NOTHING
    },
    Plant {
        what: "something came back of an order that is still on its way",
        shop: "INSERT INTO order_returns (tenant, order_id, number, reference, refund_minor, currency, returned_at)
               VALUES ('acme', 8, 1, 'R-1', 100, 'GBP', 0);
               INSERT INTO order_return_lines (tenant, order_id, line, number, fate, units)
               VALUES ('acme', 8, 1, 1, 'restock', 1)",
        breaks: &[("returned-within-shipped", "order:8")],
        ..NOTHING
    },
    Plant {
        what: "more is to be given back than the returned items cost",
        shop: "UPDATE order_returns SET refund_minor = 101 WHERE order_id = 12 AND number = 2",
        breaks: &[("refund-is-sum-of-lines", "order:12")],
        ..NOTHING
    },
    Plant {
        what: "a return was never paid back, and nothing is under way",
        shop: "DELETE FROM payment_refunds WHERE order_id = 11 AND return_number = 1;
               DELETE FROM ledger_entries WHERE order_id = 11 AND deed = 'refund' AND debit_minor + credit_minor = 200",
        books: "DELETE FROM refunds WHERE key = 'refund:11:1'",
        breaks: &[("returns-are-refunded", "order:11")],
        ..NOTHING
    },
    Plant {
        what: "what is still to be done for a return is lost",
        shop: "DELETE FROM wharf.deliveries WHERE key = 'order:12'",
        breaks: &[("returns-are-put-away", "order:12"), ("returns-are-refunded", "order:12")],
        ..NOTHING
    },
    Plant {
        what: "another amount is given back than is owed for the return",
        shop: "UPDATE payment_refunds SET amount_minor = 99 WHERE order_id = 12",
        books: "UPDATE refunds SET amount = 99 WHERE order_id = 12",
        breaks: &[("returns-are-refunded", "order:12")],
        ..NOTHING
    },
    Plant {
        what: "more is asked back for returns than was taken",
        shop: "UPDATE payment_refunds SET amount_minor = 201 WHERE order_id = 12",
        books: "DELETE FROM refunds WHERE order_id = 12",
        breaks: &[("captured-within-total", "order:12"), ("returns-are-refunded", "order:12")],
        ..NOTHING
    },
    Plant {
        what: "what was restocked moved no stock",
        shop: "DELETE FROM stock_movements WHERE order_id = 11 AND kind = 'returned';
               UPDATE stock SET available = available - 2 WHERE product_id = 3",
        breaks: &[("returns-are-put-away", "order:11")],
        ..NOTHING
    },
    Plant {
        what: "nobody noted what was written off",
        shop: "DELETE FROM stock_returns WHERE order_id = 11 AND return_number = 2",
        breaks: &[("returns-are-put-away", "order:11")],
        ..NOTHING
    },
    Plant {
        what: "a return was put on the shelf twice",
        shop: "INSERT INTO stock_returns (tenant, order_id, return_number, product_id, restocked, written_off, booked_at)
               VALUES ('acme', 11, 3, 3, 2, 0, 0);
               INSERT INTO stock_movements (tenant, product_id, kind, units, order_id, moved_at)
               VALUES ('acme', 3, 'returned', 2, 11, 0);
               UPDATE stock SET available = available + 2 WHERE product_id = 3",
        breaks: &[("returns-are-put-away", "order:11")],
        ..NOTHING
    },
    Plant {
        what: "a return was paid back twice",
        books: "INSERT INTO refunds (capture_id, key, order_id, amount, currency, refunded_at)
                VALUES (9, 'refund:11:1', 11, 200, 'GBP', 0)",
        breaks: &[("no-return-refunded-twice", "order:11")],
        ..NOTHING
    },
    Plant {
        what: "the shop believes a return is paid back, and the provider knows nothing of it",
        books: "DELETE FROM refunds WHERE key = 'refund:11:1'",
        breaks: &[("payments-agree-with-provider", "order:11")],
        ..NOTHING
    },
    Plant {
        what: "money was given back for a return that there is not",
        books: "INSERT INTO refunds (capture_id, key, order_id, amount, currency, refunded_at)
                VALUES (9, 'refund:11:3', 11, 1, 'GBP', 0)",
        breaks: &[("payments-agree-with-provider", "order:11")],
        ..NOTHING
    },
    Plant {
        what: "a return was put away for another tenant",
        shop: "UPDATE stock_returns SET tenant = 'globex' WHERE order_id = 11 AND return_number = 2",
        breaks: &[("returns-are-put-away", "order:11"), ("tenants-agree", "order:11")],
        ..NOTHING
    },
];
