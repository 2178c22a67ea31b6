-- What customers were told.
CREATE TABLE notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    -- None when it is about the shop.
    order_id INTEGER,
    customer_id INTEGER NOT NULL,
    type TEXT NOT NULL CHECK (length(type) <= 50),
    message TEXT NOT NULL CHECK (length(message) <= 500),
    -- A JSON object.
    metadata TEXT NOT NULL CHECK (length(metadata) <= 2000),
    created_at INTEGER NOT NULL,
    -- What everybody was told is walked by it, newest first. The row's own number knows no tenant.
    UNIQUE (tenant, id),
    -- One of each type for an order.
    UNIQUE (tenant, order_id, type)
) STRICT;

-- What one customer was told, newest first.
CREATE INDEX notifications_of_customer ON notifications (tenant, customer_id, id);
