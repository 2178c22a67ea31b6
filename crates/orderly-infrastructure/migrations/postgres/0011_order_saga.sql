-- Where each order's fulfilment stands: wharf keeps all sagas in one table, and this shows those of orders, one row for
-- each order, as one would look for them. Times are microseconds since 1970 in UTC.
CREATE VIEW order_saga AS
SELECT orders.tenant,
       orders.correlation AS correlation_id,
       saga.state_name    AS state,
       orders.id          AS order_id,
       orders.customer_id,
       orders.total_minor,
       orders.currency,
       payments.capture   AS payment_id,
       shipments.tracking AS tracking_number,
       orders.attention,
       saga.created_at,
       saga.updated_at,
       saga.finished_at   AS completed_at,
       -- When the timer that ends the whole order fires, while it is armed.
       overall.due_at     AS expires_at
FROM orders
JOIN wharf.sagas AS saga
    ON saga.tenant = orders.tenant AND saga.saga = 'orders.fulfilment' AND saga.key = 'order:' || orders.id
LEFT JOIN payments ON payments.tenant = orders.tenant AND payments.order_id = orders.id AND payments.intent = 1
LEFT JOIN shipments ON shipments.tenant = orders.tenant AND shipments.order_id = orders.id
LEFT JOIN wharf.timers AS overall
    ON overall.tenant = saga.tenant AND overall.saga = saga.saga AND overall.key = saga.key AND overall.name = 'Overall';
