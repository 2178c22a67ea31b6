-- Orders, their lines, and where each has been.
--
-- Here as in the tables of the other modules: times are microseconds since 1970 in UTC, money is in minor units, and an
-- order is named by its number. No foreign keys: a module writes its rows in one transaction, and refers to those of
-- other modules by their numbers alone.
--
-- AUTOINCREMENT: a number is never given twice, not even after its row is gone.
CREATE TABLE orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    correlation TEXT NOT NULL,
    customer_id INTEGER NOT NULL,
    -- What the client calls it.
    reference TEXT,
    status TEXT NOT NULL,
    -- Of the history, from 1, and what there is to say about it.
    step INTEGER NOT NULL,
    detail TEXT NOT NULL,
    cancel_reason TEXT,
    -- What the asker calls the cancellation.
    cancel_reference TEXT,
    -- Why a person has to see to it.
    attention TEXT,
    total_minor INTEGER NOT NULL CHECK (total_minor >= 0),
    currency TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- When the status last changed; nothing else touches it.
    updated_at INTEGER NOT NULL,
    -- Everybody's orders are walked by it, newest first. The row's own number knows no tenant.
    UNIQUE (tenant, id),
    -- Placing twice under one reference makes one order.
    UNIQUE (tenant, reference)
) STRICT;

-- The sweep asks for the longest waiting; orders that are paid or over are not in its way.
CREATE INDEX orders_before_payment ON orders (tenant, updated_at)
    WHERE status IN ('Validated', 'PaymentProcessing');

-- A customer's own orders, newest first.
CREATE INDEX orders_of_customer ON orders (tenant, customer_id, id);

-- As they were bought, in the order in which they were given.
CREATE TABLE order_lines (
    tenant TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    line INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    unit_minor INTEGER NOT NULL CHECK (unit_minor > 0),
    PRIMARY KEY (tenant, order_id, line)
) STRICT, WITHOUT ROWID;

-- One row for each status an order has had.
CREATE TABLE order_history (
    tenant TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    step INTEGER NOT NULL,
    status TEXT NOT NULL,
    detail TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (tenant, order_id, step)
) STRICT, WITHOUT ROWID;

-- Nobody moves an order without leaving a trace, whatever program they use.
CREATE TRIGGER order_history_begins AFTER INSERT ON orders BEGIN
    INSERT INTO order_history (tenant, order_id, step, status, detail, at)
    VALUES (NEW.tenant, NEW.id, NEW.step, NEW.status, NEW.detail, NEW.updated_at);
END;
CREATE TRIGGER order_history_goes_on AFTER UPDATE OF status ON orders BEGIN
    INSERT INTO order_history (tenant, order_id, step, status, detail, at)
    VALUES (NEW.tenant, NEW.id, NEW.step, NEW.status, NEW.detail, NEW.updated_at);
END;
