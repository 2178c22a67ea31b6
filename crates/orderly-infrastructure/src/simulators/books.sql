-- What the simulated providers were asked, and what they did about it. Times are microseconds since 1970, UTC; amounts
-- are minor units; keys are those of the calls, `pay:42:1`, `refund:42:1` and `ship:42`.

-- Raised when the tables change; books.rs knows it too.
PRAGMA user_version = 1;

-- Asked for: one row for each key, with the outcome that was drawn for it.
CREATE TABLE payments (
    key TEXT PRIMARY KEY,
    order_id INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    outcome TEXT NOT NULL,
    submitted_at INTEGER NOT NULL,
    answer_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Called off: nothing is taken under these keys any more, even if it is only now asked for.
CREATE TABLE voids (
    key TEXT PRIMARY KEY,
    voided_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Parcels called back before they were handed over: none leaves under these keys any more.
CREATE TABLE recalls (
    key TEXT PRIMARY KEY,
    recalled_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What happened in the world. Rows are only ever added. Nothing here says that an order is charged or shipped once: that
-- is for the shop to see to, and if it fails, the second row must stand here for everybody to see.
CREATE TABLE captures (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    captured_at INTEGER NOT NULL
) STRICT;

CREATE TABLE refunds (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    capture_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    refunded_at INTEGER NOT NULL
) STRICT;

CREATE TABLE parcels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    tracking TEXT NOT NULL,
    lines TEXT NOT NULL,            -- JSON, as they were handed over
    shipped_at INTEGER NOT NULL,
    delivery_at INTEGER NOT NULL
) STRICT;

-- Every call finds what was done under its key; audits walk in the order of order_id.
CREATE INDEX captures_of_key ON captures (key);
CREATE INDEX refunds_of_key ON refunds (key);
CREATE INDEX parcels_of_key ON parcels (key);
CREATE INDEX parcels_of_tracking ON parcels (tracking);
CREATE INDEX captures_of_order ON captures (order_id);
CREATE INDEX refunds_of_order ON refunds (order_id);
CREATE INDEX parcels_of_order ON parcels (order_id);
