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
    -- How the provider contradicts what stands here.
    dispute TEXT,
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

-- Money that a provider took and that was never ours to keep: after the end, twice, or not the amount.
CREATE TABLE payment_strays (
    tenant TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    -- The provider's id of it.
    capture TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    booked_at INTEGER NOT NULL,
    refunded_at INTEGER,
    PRIMARY KEY (tenant, order_id, capture)
) STRICT, WITHOUT ROWID;

-- What was taken and given back, twice over: whatever one account is debited another is credited with. Of the accounts,
-- `provider` is what it holds for us, `order` is what was paid for the order, `stray` is what is owed back.
CREATE TABLE ledger_entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    deed TEXT NOT NULL CHECK (deed IN ('capture', 'refund')),
    account TEXT NOT NULL CHECK (account IN ('provider', 'order', 'stray')),
    debit_minor INTEGER NOT NULL CHECK (debit_minor >= 0),
    credit_minor INTEGER NOT NULL CHECK (credit_minor >= 0),
    currency TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE INDEX ledger_entries_of_order ON ledger_entries (tenant, order_id);

-- Nobody moves money without leaving a trace, whatever program they use.
CREATE TRIGGER payment_is_booked AFTER INSERT ON payments BEGIN
    INSERT INTO ledger_entries (tenant, order_id, deed, account, debit_minor, credit_minor, currency, at)
    SELECT NEW.tenant, NEW.order_id, deed, account, max(side * moved, 0), max(-side * moved, 0), NEW.currency,
           NEW.updated_at
    FROM (SELECT 'capture' AS deed, coalesce(NEW.captured_minor, 0) AS moved
          UNION ALL
          SELECT 'refund', CASE NEW.state WHEN 'refunded' THEN -coalesce(NEW.captured_minor, 0) ELSE 0 END) AS deeds,
         (SELECT 'provider' AS account, 1 AS side UNION ALL SELECT 'order', -1) AS accounts
    WHERE moved <> 0;
END;
CREATE TRIGGER payment_is_booked_on AFTER UPDATE OF state, captured_minor ON payments BEGIN
    INSERT INTO ledger_entries (tenant, order_id, deed, account, debit_minor, credit_minor, currency, at)
    SELECT NEW.tenant, NEW.order_id, deed, account, max(side * moved, 0), max(-side * moved, 0), NEW.currency,
           NEW.updated_at
    FROM (SELECT 'capture' AS deed, coalesce(NEW.captured_minor, 0) - coalesce(OLD.captured_minor, 0) AS moved
          UNION ALL
          SELECT 'refund', CASE OLD.state WHEN 'refunded' THEN coalesce(OLD.captured_minor, 0) ELSE 0 END
              - CASE NEW.state WHEN 'refunded' THEN coalesce(NEW.captured_minor, 0) ELSE 0 END) AS deeds,
         (SELECT 'provider' AS account, 1 AS side UNION ALL SELECT 'order', -1) AS accounts
    WHERE moved <> 0;
END;
CREATE TRIGGER stray_is_booked AFTER INSERT ON payment_strays BEGIN
    INSERT INTO ledger_entries (tenant, order_id, deed, account, debit_minor, credit_minor, currency, at)
    VALUES (NEW.tenant, NEW.order_id, 'capture', 'provider', NEW.amount_minor, 0, NEW.currency, NEW.booked_at),
           (NEW.tenant, NEW.order_id, 'capture', 'stray', 0, NEW.amount_minor, NEW.currency, NEW.booked_at);
END;
CREATE TRIGGER stray_is_booked_back AFTER UPDATE OF refunded_at ON payment_strays
WHEN OLD.refunded_at IS NULL AND NEW.refunded_at IS NOT NULL BEGIN
    INSERT INTO ledger_entries (tenant, order_id, deed, account, debit_minor, credit_minor, currency, at)
    VALUES (NEW.tenant, NEW.order_id, 'refund', 'provider', 0, NEW.amount_minor, NEW.currency, NEW.refunded_at),
           (NEW.tenant, NEW.order_id, 'refund', 'stray', NEW.amount_minor, 0, NEW.currency, NEW.refunded_at);
END;
