-- What customers were told.
CREATE TABLE notifications (
    id          BIGINT GENERATED ALWAYS AS IDENTITY,
    tenant      TEXT   NOT NULL,
    order_id    BIGINT,                          -- none when it is about the shop
    customer_id BIGINT NOT NULL,
    type        TEXT   NOT NULL CHECK (length(type) <= 50),
    message     TEXT   NOT NULL CHECK (length(message) <= 500),
    metadata    TEXT   NOT NULL CHECK (length(metadata) <= 2000), -- a JSON object
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    -- One of each type for an order.
    UNIQUE (tenant, order_id, type)
);

-- What one customer was told, newest first. What everybody was told is walked by the primary key.
CREATE INDEX notifications_of_customer ON notifications (tenant, customer_id, id);
