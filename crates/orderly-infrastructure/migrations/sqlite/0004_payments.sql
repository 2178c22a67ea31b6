-- What we mean to take for an order, and what came of it. Found by primary key; the last intent counts.
CREATE TABLE payments (
    tenant TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    intent INTEGER NOT NULL,
    total_minor INTEGER NOT NULL CHECK (total_minor >= 0),
    currency TEXT NOT NULL,
    state TEXT NOT NULL,
    -- Of what was captured, refunded or not: the provider's id, and how much in the same currency.
    capture TEXT,
    captured_minor INTEGER CHECK (captured_minor BETWEEN 1 AND total_minor),
    -- The provider's words when it declined.
    reason TEXT,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, order_id, intent)
) STRICT, WITHOUT ROWID;

-- Calls to the provider, and the last that is known of each.
CREATE TABLE payment_attempts (
    tenant TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, order_id, number)
) STRICT, WITHOUT ROWID;
