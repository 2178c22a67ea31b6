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
    dispute        TEXT,                         -- how the provider contradicts what stands here
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

-- Money that a provider took and that was never ours to keep: after the end, twice, or not the amount.
CREATE TABLE payment_strays (
    tenant       TEXT   NOT NULL,
    order_id     BIGINT NOT NULL,
    capture      TEXT   NOT NULL,                -- the provider's id of it
    amount_minor BIGINT NOT NULL,
    currency     TEXT   NOT NULL,
    booked_at    BIGINT NOT NULL,
    refunded_at  BIGINT,
    PRIMARY KEY (tenant, order_id, capture)
);

-- What was taken and given back, twice over: whatever one account is debited another is credited with. Of the accounts,
-- `provider` is what it holds for us, `order` is what was paid for the order, `stray` is what is owed back.
CREATE TABLE ledger_entries (
    id           BIGINT GENERATED ALWAYS AS IDENTITY,
    tenant       TEXT   NOT NULL,
    order_id     BIGINT NOT NULL,
    deed         TEXT   NOT NULL CHECK (deed IN ('capture', 'refund')),
    account      TEXT   NOT NULL CHECK (account IN ('provider', 'order', 'stray')),
    debit_minor  BIGINT NOT NULL CHECK (debit_minor >= 0),
    credit_minor BIGINT NOT NULL CHECK (credit_minor >= 0),
    currency     TEXT   NOT NULL,
    at           BIGINT NOT NULL,
    PRIMARY KEY (tenant, order_id, id)
);

-- Nobody moves money without leaving a trace, whatever program they use.
CREATE FUNCTION book_payment() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    taken BIGINT := coalesce(NEW.captured_minor, 0);
    back BIGINT := CASE NEW.state WHEN 'refunded' THEN coalesce(NEW.captured_minor, 0) ELSE 0 END;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        taken := taken - coalesce(OLD.captured_minor, 0);
        back := back - CASE OLD.state WHEN 'refunded' THEN coalesce(OLD.captured_minor, 0) ELSE 0 END;
    END IF;
    INSERT INTO orderly.ledger_entries (tenant, order_id, deed, account, debit_minor, credit_minor, currency, at)
    SELECT NEW.tenant, NEW.order_id, deed, account, greatest(side * moved, 0), greatest(-side * moved, 0),
           NEW.currency, NEW.updated_at
    FROM (VALUES ('capture', taken), ('refund', -back)) AS deeds (deed, moved),
         (VALUES ('provider', 1), ('order', -1)) AS accounts (account, side)
    WHERE moved <> 0;
    RETURN NULL;
END $$;
CREATE TRIGGER payment_is_booked AFTER INSERT OR UPDATE OF state, captured_minor ON payments
    FOR EACH ROW EXECUTE FUNCTION book_payment();

CREATE FUNCTION book_stray() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO orderly.ledger_entries (tenant, order_id, deed, account, debit_minor, credit_minor, currency, at)
    VALUES (NEW.tenant, NEW.order_id, 'capture', 'provider', NEW.amount_minor, 0, NEW.currency, NEW.booked_at),
           (NEW.tenant, NEW.order_id, 'capture', 'stray', 0, NEW.amount_minor, NEW.currency, NEW.booked_at);
    RETURN NULL;
END $$;
CREATE TRIGGER stray_is_booked AFTER INSERT ON payment_strays
    FOR EACH ROW EXECUTE FUNCTION book_stray();

CREATE FUNCTION book_stray_back() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO orderly.ledger_entries (tenant, order_id, deed, account, debit_minor, credit_minor, currency, at)
    VALUES (NEW.tenant, NEW.order_id, 'refund', 'provider', 0, NEW.amount_minor, NEW.currency, NEW.refunded_at),
           (NEW.tenant, NEW.order_id, 'refund', 'stray', NEW.amount_minor, 0, NEW.currency, NEW.refunded_at);
    RETURN NULL;
END $$;
CREATE TRIGGER stray_is_booked_back AFTER UPDATE OF refunded_at ON payment_strays
    FOR EACH ROW WHEN (OLD.refunded_at IS NULL AND NEW.refunded_at IS NOT NULL)
    EXECUTE FUNCTION book_stray_back();
