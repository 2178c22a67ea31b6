-- The one parcel of each order. Found by primary key.
CREATE TABLE shipments (
    tenant TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    -- The carrier's number, once it has the parcel.
    tracking TEXT,
    -- The carrier's words when it refused.
    reason TEXT,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, order_id)
) STRICT, WITHOUT ROWID;
