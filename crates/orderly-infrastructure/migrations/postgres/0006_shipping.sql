-- The one parcel of each order. Found by primary key.
CREATE TABLE shipments (
    tenant     TEXT   NOT NULL,
    order_id   BIGINT NOT NULL,
    state      TEXT   NOT NULL,
    tracking   TEXT,                             -- the carrier's number, once it has the parcel
    reason     TEXT,                             -- the carrier's words when it refused
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, order_id)
) WITH (
    fillfactor = 70
);
