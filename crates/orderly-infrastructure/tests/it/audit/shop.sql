-- One order in each state that a snapshot may find it in. Orders are numbered in the order of insertion; each sells one
-- unit of product 1 at 100, but for the first: two of product 1, and one of product 2 at 50. Those with returns stand at
-- the end.
INSERT INTO orders (tenant, correlation, customer_id, reference, status, step, detail, total_minor, currency, created_at, updated_at)
VALUES ('acme', 'c', 7, 'A-1', 'Pending', 1, 'placed', 250, 'GBP', 0, 0);
INSERT INTO orders (tenant, correlation, customer_id, reference, status, step, detail, total_minor, currency, created_at, updated_at)
VALUES ('acme', 'c', 7, 'A-2', 'Pending', 1, 'placed', 100, 'GBP', 0, 0), ('acme', 'c', 7, NULL, 'Pending', 1, 'placed', 100, 'GBP', 0, 0),
       ('acme', 'c', 7, NULL, 'Pending', 1, 'placed', 100, 'GBP', 0, 0), ('acme', 'c', 7, NULL, 'Pending', 1, 'placed', 100, 'GBP', 0, 0),
       ('acme', 'c', 7, NULL, 'Pending', 1, 'placed', 100, 'GBP', 0, 0), ('acme', 'c', 7, NULL, 'Pending', 1, 'placed', 100, 'GBP', 0, 0),
       ('acme', 'c', 7, NULL, 'Pending', 1, 'placed', 100, 'GBP', 0, 0), ('acme', 'c', 7, NULL, 'Pending', 1, 'placed', 100, 'GBP', 0, 0),
       ('acme', 'c', 7, NULL, 'Pending', 1, 'placed', 100, 'GBP', 0, 0);
INSERT INTO order_lines (tenant, order_id, line, product_id, quantity, unit_minor)
SELECT 'acme', id, 1, 1, CASE id WHEN 1 THEN 2 ELSE 1 END, 100 FROM orders;
INSERT INTO order_lines (tenant, order_id, line, product_id, quantity, unit_minor) VALUES ('acme', 1, 2, 2, 1, 50);

-- Order 1 is delivered. 2 was paid and cancelled, its money given back. 3 waits for its payment, which the provider has
-- just taken. 4 found nothing in stock. 5 was just placed. 6 expired and is being undone. 7 is paid, and the carrier has
-- just taken it. 8 is on its way; that its stock has left is still to be booked. 9 needs a person. 10 is paid, and its
-- parcel is being called back.
UPDATE orders SET status = 'Cancelled', step = 2, cancel_reason = 'out-of-stock' WHERE id = 4;
UPDATE orders SET status = 'Validated', step = 2 WHERE id IN (1, 2, 3, 6, 7, 8, 9, 10);
UPDATE orders SET status = 'PaymentProcessing', step = 3 WHERE id IN (1, 2, 3, 6, 7, 8, 9, 10);
UPDATE orders SET status = 'Cancelled', step = 4, cancel_reason = 'customer' WHERE id = 2;
UPDATE orders SET status = 'Expired', step = 4 WHERE id = 6;
UPDATE orders SET status = 'Paid', step = 4 WHERE id IN (1, 7, 8, 9, 10);
UPDATE orders SET status = 'Shipped', step = 5 WHERE id IN (1, 8);
UPDATE orders SET status = 'Delivered', step = 6 WHERE id = 1;

INSERT INTO stock (tenant, product_id, available, reserved, updated_at) VALUES ('acme', 1, 92, 6, 0), ('acme', 2, 49, 0, 0);
INSERT INTO stock_movements (tenant, product_id, kind, units, order_id, moved_at)
VALUES ('acme', 1, 'received', 90, NULL, 0), ('acme', 2, 'received', 50, NULL, 0), ('acme', 1, 'adjusted', 10, NULL, 0),
       ('acme', 1, 'shipped', -2, 1, 0), ('acme', 2, 'shipped', -1, 1, 0);
INSERT INTO reservations (tenant, order_id, state)
VALUES ('acme', 1, 'committed'), ('acme', 2, 'released'), ('acme', 3, 'held'), ('acme', 6, 'held'), ('acme', 7, 'held'),
       ('acme', 8, 'held'), ('acme', 9, 'held'), ('acme', 10, 'held');
INSERT INTO reservation_lines (tenant, order_id, product_id, units)
SELECT line.tenant, line.order_id, product_id, quantity FROM order_lines AS line
JOIN reservations ON reservations.tenant = line.tenant AND reservations.order_id = line.order_id;

INSERT INTO payments (tenant, order_id, intent, total_minor, currency, state, capture, captured_minor, updated_at)
VALUES ('acme', 1, 1, 250, 'GBP', 'captured', 'CAP-000001', 250, 0), ('acme', 2, 1, 100, 'GBP', 'refunded', 'CAP-000002', 100, 0),
       ('acme', 3, 1, 100, 'GBP', 'accepted', NULL, NULL, 0), ('acme', 6, 1, 100, 'GBP', 'accepted', NULL, NULL, 0),
       ('acme', 7, 1, 100, 'GBP', 'captured', 'CAP-000005', 100, 0), ('acme', 8, 1, 100, 'GBP', 'captured', 'CAP-000006', 100, 0),
       ('acme', 9, 1, 100, 'GBP', 'captured', 'CAP-000007', 100, 0), ('acme', 10, 1, 100, 'GBP', 'captured', 'CAP-000008', 100, 0);
INSERT INTO payment_attempts (tenant, order_id, number, state, updated_at)
VALUES ('acme', 1, 1, 'approved', 0), ('acme', 3, 1, 'accepted', 0);

INSERT INTO shipments (tenant, order_id, state, tracking, updated_at)
VALUES ('acme', 1, 'delivered', 'SIM-000001', 0), ('acme', 8, 'accepted', 'SIM-000008', 0);

INSERT INTO notifications (tenant, order_id, customer_id, type, message, metadata, created_at)
VALUES ('acme', 1, 7, 'OrderCompleted', '', '{}', 0), ('acme', 1, 7, 'OrderShipped', '', '{}', 0), ('acme', 1, 7, 'OrderDelivered', '', '{}', 0),
       ('acme', 2, 7, 'OrderCancelled', '', '{}', 0), ('acme', 4, 7, 'OrderCancelled', '', '{}', 0), ('acme', 7, 7, 'OrderCompleted', '', '{}', 0),
       ('acme', 8, 7, 'OrderCompleted', '', '{}', 0), ('acme', 9, 7, 'OrderCompleted', '', '{}', 0),
       ('acme', 10, 7, 'OrderCompleted', '', '{}', 0);

INSERT INTO wharf.sagas (tenant, saga, key, revision, version, state_name, state, facts, finished_at, created_at, updated_at)
VALUES ('acme', 'orders.fulfilment', 'order:1', 1, 1, 'Completed', '{}', '{}', 1, 0, 0),
       ('acme', 'orders.fulfilment', 'order:2', 1, 1, 'Failed', '{}', '{}', 1, 0, 0),
       ('acme', 'orders.fulfilment', 'order:3', 1, 1, 'PaymentProcessing', '{}', '{}', NULL, 0, 0),
       ('acme', 'orders.fulfilment', 'order:4', 1, 1, 'Failed', '{}', '{}', 1, 0, 0),
       ('acme', 'orders.fulfilment', 'order:6', 1, 1, 'Compensating', '{}', '{}', NULL, 0, 0),
       ('acme', 'orders.fulfilment', 'order:7', 1, 1, 'Paid', '{}', '{}', NULL, 0, 0),
       ('acme', 'orders.fulfilment', 'order:8', 1, 1, 'Shipped', '{}', '{}', NULL, 0, 0),
       ('acme', 'orders.fulfilment', 'order:9', 1, 1, 'NeedsAttention', '{}', '{}', NULL, 0, 0),
       ('acme', 'orders.fulfilment', 'order:10', 1, 1, 'Compensating', '{}', '{}', NULL, 0, 0);
INSERT INTO wharf.timers (tenant, saga, key, name, generation, due_at, endpoint, takes_turns, trail)
VALUES ('acme', 'orders.fulfilment', 'order:3', 'Overall', 1, 1, 'order-saga', FALSE, '{}'),
       ('acme', 'orders.fulfilment', 'order:7', 'Shipping', 1, 1, 'order-saga', FALSE, '{}'),
       ('acme', 'orders.fulfilment', 'order:8', 'Delivery', 1, 1, 'order-saga', FALSE, '{}'),
       ('acme', 'orders.fulfilment', 'order:10', 'Undoing', 1, 1, 'order-saga', FALSE, '{}');
INSERT INTO wharf.deliveries (tenant, endpoint, not_before, attempt, crashes, redrives, message_id, name, version, kind, key, sent_at, trail, body)
VALUES ('acme', 'order-created-event', 0, 0, 0, 0, '00000000-0000-7000-8000-000000000005', 'orders.order-created', 1, 'event', 'order:5', 0, '{}', '{}'),
       ('acme', 'payment', 0, 0, 0, 0, '00000000-0000-7000-8000-000000000006', 'payments.void-requested', 1, 'command', 'order:6', 0, '{}', '{}'),
       ('acme', 'notify', 0, 0, 0, 0, '00000000-0000-7000-8000-000000000008', 'notifications.requested', 1, 'command', 'order:8', 0, '{}', '{}');

-- Orders 11 and 12 are delivered: five and two units of product 3 at 100. Of 11 came back two units, now on the shelf again,
-- and one that was written off; all is paid back. Of 12 came back one unit, which the provider has just paid back, and then
-- another, of which nobody but orders has heard.
INSERT INTO orders (tenant, correlation, customer_id, reference, status, step, detail, total_minor, currency, created_at, updated_at)
VALUES ('acme', 'c', 7, NULL, 'Pending', 1, 'placed', 500, 'GBP', 0, 0), ('acme', 'c', 7, NULL, 'Pending', 1, 'placed', 200, 'GBP', 0, 0);
INSERT INTO order_lines (tenant, order_id, line, product_id, quantity, unit_minor)
VALUES ('acme', 11, 1, 3, 5, 100), ('acme', 12, 1, 3, 2, 100);
UPDATE orders SET status = 'Validated', step = 2 WHERE id > 10;
UPDATE orders SET status = 'PaymentProcessing', step = 3 WHERE id > 10;
UPDATE orders SET status = 'Paid', step = 4 WHERE id > 10;
UPDATE orders SET status = 'Shipped', step = 5 WHERE id > 10;
UPDATE orders SET status = 'Delivered', step = 6 WHERE id > 10;
INSERT INTO order_returns (tenant, order_id, number, reference, refund_minor, currency, returned_at)
VALUES ('acme', 11, 1, 'R-1', 200, 'GBP', 0), ('acme', 11, 2, 'R-2', 100, 'GBP', 0), ('acme', 12, 1, 'R-1', 100, 'GBP', 0),
       ('acme', 12, 2, 'R-2', 100, 'GBP', 0);
INSERT INTO order_return_lines (tenant, order_id, line, number, fate, units)
VALUES ('acme', 11, 1, 1, 'restock', 2), ('acme', 11, 1, 2, 'write-off', 1), ('acme', 12, 1, 1, 'restock', 1), ('acme', 12, 1, 2, 'restock', 1);

INSERT INTO stock (tenant, product_id, available, reserved, updated_at) VALUES ('acme', 3, 46, 0, 0);
INSERT INTO stock_movements (tenant, product_id, kind, units, order_id, moved_at)
VALUES ('acme', 3, 'received', 50, NULL, 0), ('acme', 3, 'shipped', -5, 11, 0), ('acme', 3, 'shipped', -2, 12, 0), ('acme', 3, 'returned', 2, 11, 0),
       ('acme', 3, 'returned', 1, 12, 0);
INSERT INTO stock_returns (tenant, order_id, return_number, product_id, restocked, written_off, booked_at)
VALUES ('acme', 11, 1, 3, 2, 0, 0), ('acme', 11, 2, 3, 0, 1, 0), ('acme', 12, 1, 3, 1, 0, 0);
INSERT INTO reservations (tenant, order_id, state) VALUES ('acme', 11, 'committed'), ('acme', 12, 'committed');
INSERT INTO reservation_lines (tenant, order_id, product_id, units) VALUES ('acme', 11, 3, 5), ('acme', 12, 3, 2);

INSERT INTO payments (tenant, order_id, intent, total_minor, currency, state, capture, captured_minor, updated_at)
VALUES ('acme', 11, 1, 500, 'GBP', 'captured', 'CAP-000009', 500, 0), ('acme', 12, 1, 200, 'GBP', 'captured', 'CAP-000010', 200, 0);
INSERT INTO payment_refunds (tenant, order_id, return_number, amount_minor, currency, requested_at, refunded_at)
VALUES ('acme', 11, 1, 200, 'GBP', 0, 0), ('acme', 11, 2, 100, 'GBP', 0, NULL), ('acme', 12, 1, 100, 'GBP', 0, NULL);
UPDATE payment_refunds SET refunded_at = 0 WHERE order_id = 11 AND return_number = 2;
INSERT INTO refund_attempts (tenant, order_id, return_number, number, state, updated_at)
VALUES ('acme', 11, 1, 1, 'lost', 0), ('acme', 11, 1, 2, 'approved', 0), ('acme', 11, 2, 1, 'approved', 0), ('acme', 12, 1, 1, 'submitted', 0);

INSERT INTO shipments (tenant, order_id, state, tracking, updated_at)
VALUES ('acme', 11, 'delivered', 'SIM-000011', 0), ('acme', 12, 'delivered', 'SIM-000012', 0);
INSERT INTO notifications (tenant, order_id, customer_id, type, message, metadata, created_at)
VALUES ('acme', 11, 7, 'OrderCompleted', '', '{}', 0), ('acme', 11, 7, 'OrderShipped', '', '{}', 0), ('acme', 11, 7, 'OrderDelivered', '', '{}', 0),
       ('acme', 12, 7, 'OrderCompleted', '', '{}', 0), ('acme', 12, 7, 'OrderShipped', '', '{}', 0), ('acme', 12, 7, 'OrderDelivered', '', '{}', 0);
INSERT INTO wharf.sagas (tenant, saga, key, revision, version, state_name, state, facts, finished_at, created_at, updated_at)
VALUES ('acme', 'orders.fulfilment', 'order:11', 1, 1, 'Completed', '{}', '{}', 1, 0, 0),
       ('acme', 'orders.fulfilment', 'order:12', 1, 1, 'Completed', '{}', '{}', 1, 0, 0);
INSERT INTO wharf.deliveries (tenant, endpoint, not_before, attempt, crashes, redrives, message_id, name, version, kind, key, sent_at, trail, body)
VALUES ('acme', 'payment', 0, 0, 0, 0, '00000000-0000-7000-8000-000000000012', 'payments.submit-refund', 1, 'command', 'order:12', 0, '{}', '{}'),
       ('acme', 'payment', 0, 0, 0, 0, '00000000-0000-7000-8000-000000000013', 'orders.order-returned', 1, 'event', 'order:12', 0, '{}', '{}'),
       ('acme', 'inventory-reservation', 0, 0, 0, 0, '00000000-0000-7000-8000-000000000013', 'orders.order-returned', 1, 'event', 'order:12', 0, '{}', '{}');
