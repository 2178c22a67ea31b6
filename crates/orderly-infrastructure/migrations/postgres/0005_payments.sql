-- What we mean to take for an order, and what came of it. Found by primary key; the last intent counts.
CREATE TABLE payments (
    tenant         TEXT   NOT NULL,
    order_id       BIGINT NOT NULL,
    intent         BIGINT NOT NULL,
    total_minor    BIGINT NOT NULL CHECK (total_minor >= 0),
    currency       TEXT   NOT NULL,
    state          TEXT   NOT NULL,
    capture        TEXT,                         -- the provider's id of what was captured, refunded or not
    captured_minor BIGINT CHECK (captured_minor BETWEEN 1 AND total_minor),
    reason         TEXT,                         -- the provider's words when it declined
    updated_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant, order_id, intent)
) WITH (
    fillfactor = 70
);

-- Calls to the provider, and the last that is known of each.
CREATE TABLE payment_attempts (
    tenant     TEXT   NOT NULL,
    order_id   BIGINT NOT NULL,
    number     BIGINT NOT NULL,
    state      TEXT   NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, order_id, number)
) WITH (
    fillfactor = 70
);
