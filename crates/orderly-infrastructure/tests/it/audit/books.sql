-- What the providers did for the orders of shop.sql. The captures of orders 3 and 6, the parcel of order 7, and the
-- refund of order 12, are not yet known to the shop.
INSERT INTO captures (key, order_id, amount, currency, captured_at)
VALUES ('pay:1:1', 1, 250, 'GBP', 0), ('pay:2:1', 2, 100, 'GBP', 0), ('pay:3:1', 3, 100, 'GBP', 0), ('pay:6:1', 6, 100, 'GBP', 0),
       ('pay:7:1', 7, 100, 'GBP', 0), ('pay:8:1', 8, 100, 'GBP', 0), ('pay:9:1', 9, 100, 'GBP', 0), ('pay:10:1', 10, 100, 'GBP', 0),
       ('pay:11:1', 11, 500, 'GBP', 0), ('pay:12:1', 12, 200, 'GBP', 0);
INSERT INTO refunds (capture_id, key, order_id, amount, currency, refunded_at) 
VALUES (2, 'pay:2:1', 2, 100, 'GBP', 0), (9, 'refund:11:1', 11, 200, 'GBP', 0), (9, 'refund:11:2', 11, 100, 'GBP', 0),
       (10, 'refund:12:1', 12, 100, 'GBP', 0);
INSERT INTO parcels (key, order_id, tracking, lines, shipped_at, delivery_at)
VALUES ('ship:1', 1, 'SIM-000001', '[]', 0, 0), ('ship:7', 7, 'SIM-000007', '[]', 0, 0), ('ship:8', 8, 'SIM-000008', '[]', 0, 0),
       ('ship:11', 11, 'SIM-000011', '[]', 0, 0), ('ship:12', 12, 'SIM-000012', '[]', 0, 0);
