-- Orders, their lines, and where each has been.
--
-- Here as in the tables of the other modules: times are microseconds since 1970 in UTC, money is in minor units, and an
-- order is named by its number. No foreign keys: a module writes its rows in one transaction, and refers to those of
-- other modules by their numbers alone.
CREATE TABLE orders (
    id               BIGINT GENERATED ALWAYS AS IDENTITY,
    tenant           TEXT   NOT NULL,
    correlation      TEXT   NOT NULL,
    customer_id      BIGINT NOT NULL,
    reference        TEXT,                       -- what the client calls it
    status           TEXT   NOT NULL,
    step             BIGINT NOT NULL,            -- of the history, from 1
    detail           TEXT   NOT NULL,            -- what there is to say about the step
    cancel_reason    TEXT,
    cancel_reference TEXT,                       -- what the asker calls the cancellation
    attention        TEXT,                       -- why a person has to see to it
    total_minor      BIGINT NOT NULL CHECK (total_minor >= 0),
    currency         TEXT   NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,            -- when the status last changed; nothing else touches it
    PRIMARY KEY (tenant, id),
    -- Placing twice under one reference makes one order.
    UNIQUE (tenant, reference)
) WITH (
    -- An order moves half a dozen times; room on the page keeps its versions together.
    fillfactor = 70
);

-- The sweep asks for the longest waiting; orders that are paid or over are not in its way.
CREATE INDEX orders_before_payment ON orders (tenant, updated_at)
    WHERE status IN ('Validated', 'PaymentProcessing');

-- A customer's own orders, newest first. Everybody's are walked by the primary key.
CREATE INDEX orders_of_customer ON orders (tenant, customer_id, id);

-- As they were bought, in the order in which they were given.
CREATE TABLE order_lines (
    tenant     TEXT   NOT NULL,
    order_id   BIGINT NOT NULL,
    line       BIGINT NOT NULL,
    product_id BIGINT NOT NULL,
    quantity   BIGINT NOT NULL CHECK (quantity > 0),
    unit_minor BIGINT NOT NULL CHECK (unit_minor > 0),
    PRIMARY KEY (tenant, order_id, line)
);

-- One row for each status an order has had.
CREATE TABLE order_history (
    tenant   TEXT   NOT NULL,
    order_id BIGINT NOT NULL,
    step     BIGINT NOT NULL,
    status   TEXT   NOT NULL,
    detail   TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (tenant, order_id, step)
);

-- Nobody moves an order without leaving a trace, whatever program they use.
CREATE FUNCTION write_order_history() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO orderly.order_history (tenant, order_id, step, status, detail, at)
    VALUES (NEW.tenant, NEW.id, NEW.step, NEW.status, NEW.detail, NEW.updated_at);
    RETURN NULL;
END $$;
CREATE TRIGGER order_history AFTER INSERT OR UPDATE OF status ON orders
    FOR EACH ROW EXECUTE FUNCTION write_order_history();
