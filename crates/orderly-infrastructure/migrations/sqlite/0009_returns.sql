-- What came back of delivered orders: what orders records of it, what payments gives back for it, and what inventory does
-- with it. As everywhere, each module writes its own tables, and names an order, or one of its returns, by number.

-- Of orders. Numbered from 1 within the order.
CREATE TABLE order_returns (
    tenant TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    -- What the caller calls it: one name makes one return of an order.
    reference TEXT NOT NULL CHECK (length(reference) BETWEEN 1 AND 100),
    refund_minor INTEGER NOT NULL CHECK (refund_minor > 0),
    currency TEXT NOT NULL,
    returned_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, order_id, number),
    UNIQUE (tenant, order_id, reference)
) STRICT, WITHOUT ROWID;

-- Units of one line of the order; product and price stand there. Summed line by line when more comes back.
CREATE TABLE order_return_lines (
    tenant TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    line INTEGER NOT NULL,
    number INTEGER NOT NULL,
    fate TEXT NOT NULL CHECK (fate IN ('restock', 'write-off')),
    units INTEGER NOT NULL CHECK (units > 0),
    PRIMARY KEY (tenant, order_id, line, number, fate)
) STRICT, WITHOUT ROWID;

-- Of payments: what is owed for a return, and when it was given back.
CREATE TABLE payment_refunds (
    tenant TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    return_number INTEGER NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    refunded_at INTEGER,
    PRIMARY KEY (tenant, order_id, return_number)
) STRICT, WITHOUT ROWID;

-- Calls to the provider for it, and the last that is known of each.
CREATE TABLE refund_attempts (
    tenant TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    return_number INTEGER NOT NULL,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, order_id, return_number, number)
) STRICT, WITHOUT ROWID;

-- Nobody moves money without leaving a trace, whatever program they use.
CREATE TRIGGER refund_is_booked AFTER INSERT ON payment_refunds WHEN NEW.refunded_at IS NOT NULL BEGIN
    INSERT INTO ledger_entries (tenant, order_id, deed, account, debit_minor, credit_minor, currency, at)
    VALUES (NEW.tenant, NEW.order_id, 'refund', 'provider', 0, NEW.amount_minor, NEW.currency, NEW.refunded_at),
           (NEW.tenant, NEW.order_id, 'refund', 'order', NEW.amount_minor, 0, NEW.currency, NEW.refunded_at);
END;
CREATE TRIGGER refund_is_booked_on AFTER UPDATE OF refunded_at ON payment_refunds
WHEN OLD.refunded_at IS NULL AND NEW.refunded_at IS NOT NULL BEGIN
    INSERT INTO ledger_entries (tenant, order_id, deed, account, debit_minor, credit_minor, currency, at)
    VALUES (NEW.tenant, NEW.order_id, 'refund', 'provider', 0, NEW.amount_minor, NEW.currency, NEW.refunded_at),
           (NEW.tenant, NEW.order_id, 'refund', 'order', NEW.amount_minor, 0, NEW.currency, NEW.refunded_at);
END;

-- Of inventory: what it did with each product of a return. What is restocked has a movement of its own kind beside it.
CREATE TABLE stock_returns (
    tenant TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    return_number INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    restocked INTEGER NOT NULL CHECK (restocked >= 0),
    written_off INTEGER NOT NULL CHECK (written_off >= 0),
    booked_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, order_id, return_number, product_id),
    CHECK (restocked + written_off > 0)
) STRICT, WITHOUT ROWID;
