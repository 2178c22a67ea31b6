-- What came back of delivered orders: what orders records of it, what payments gives back for it, and what inventory does
-- with it. As everywhere, each module writes its own tables, and names an order, or one of its returns, by number.

-- Of orders. Numbered from 1 within the order.
CREATE TABLE order_returns (
    tenant       TEXT   NOT NULL,
    order_id     BIGINT NOT NULL,
    number       BIGINT NOT NULL CHECK (number > 0),
    reference    TEXT   NOT NULL CHECK (length(reference) BETWEEN 1 AND 100), -- what the caller calls it
    refund_minor BIGINT NOT NULL CHECK (refund_minor > 0),
    currency     TEXT   NOT NULL,
    returned_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, order_id, number),
    -- One name makes one return of an order.
    UNIQUE (tenant, order_id, reference)
);

-- Units of one line of the order; product and price stand there. Summed line by line when more comes back.
CREATE TABLE order_return_lines (
    tenant   TEXT   NOT NULL,
    order_id BIGINT NOT NULL,
    line     BIGINT NOT NULL,
    number   BIGINT NOT NULL,
    fate     TEXT   NOT NULL CHECK (fate IN ('restock', 'write-off')),
    units    BIGINT NOT NULL CHECK (units > 0),
    PRIMARY KEY (tenant, order_id, line, number, fate)
);

-- Of payments: what is owed for a return, and when it was given back.
CREATE TABLE payment_refunds (
    tenant        TEXT   NOT NULL,
    order_id      BIGINT NOT NULL,
    return_number BIGINT NOT NULL,
    amount_minor  BIGINT NOT NULL CHECK (amount_minor > 0),
    currency      TEXT   NOT NULL,
    requested_at  BIGINT NOT NULL,
    refunded_at   BIGINT,
    PRIMARY KEY (tenant, order_id, return_number)
);

-- Calls to the provider for it, and the last that is known of each.
CREATE TABLE refund_attempts (
    tenant        TEXT   NOT NULL,
    order_id      BIGINT NOT NULL,
    return_number BIGINT NOT NULL,
    number        BIGINT NOT NULL,
    state         TEXT   NOT NULL,
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant, order_id, return_number, number)
);

-- Nobody moves money without leaving a trace, whatever program they use.
CREATE FUNCTION book_refund() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.refunded_at IS NULL OR (TG_OP = 'UPDATE' AND OLD.refunded_at IS NOT NULL) THEN
        RETURN NULL;
    END IF;
    INSERT INTO orderly.ledger_entries (tenant, order_id, deed, account, debit_minor, credit_minor, currency, at)
    VALUES (NEW.tenant, NEW.order_id, 'refund', 'provider', 0, NEW.amount_minor, NEW.currency, NEW.refunded_at),
           (NEW.tenant, NEW.order_id, 'refund', 'order', NEW.amount_minor, 0, NEW.currency, NEW.refunded_at);
    RETURN NULL;
END $$;
CREATE TRIGGER refund_is_booked AFTER INSERT OR UPDATE OF refunded_at ON payment_refunds
    FOR EACH ROW EXECUTE FUNCTION book_refund();

-- Of inventory: what it did with each product of a return. What is restocked has a movement of its own kind beside it.
CREATE TABLE stock_returns (
    tenant        TEXT   NOT NULL,
    order_id      BIGINT NOT NULL,
    return_number BIGINT NOT NULL,
    product_id    BIGINT NOT NULL,
    restocked     BIGINT NOT NULL CHECK (restocked >= 0),
    written_off   BIGINT NOT NULL CHECK (written_off >= 0),
    booked_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant, order_id, return_number, product_id),
    CHECK (restocked + written_off > 0)
);
