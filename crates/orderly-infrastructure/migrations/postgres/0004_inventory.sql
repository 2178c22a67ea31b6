-- How much of each product there is. Small and hot: every order takes from it, by primary key.
CREATE TABLE stock (
    tenant        TEXT   NOT NULL,
    product_id    BIGINT NOT NULL,
    available     BIGINT NOT NULL CHECK (available >= 0),
    reserved      BIGINT NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    reorder_level BIGINT NOT NULL DEFAULT 0 CHECK (reorder_level >= 0),
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant, product_id)
) WITH (
    -- No indexed column ever changes: with room on the page an update touches no index.
    fillfactor = 50
);

-- What is or was held for whom: at most one reservation for an order. Released without lines, it is the tombstone that
-- a late request finds.
CREATE TABLE reservations (
    tenant   TEXT   NOT NULL,
    order_id BIGINT NOT NULL,
    state    TEXT   NOT NULL,
    PRIMARY KEY (tenant, order_id)
) WITH (
    fillfactor = 70
);

-- They stay when the reservation is over.
CREATE TABLE reservation_lines (
    tenant     TEXT   NOT NULL,
    order_id   BIGINT NOT NULL,
    product_id BIGINT NOT NULL,
    units      BIGINT NOT NULL CHECK (units > 0),
    PRIMARY KEY (tenant, order_id, product_id)
);

-- Every change of what lies in the warehouse: available + reserved is the sum of a product's movements.
CREATE TABLE stock_movements (
    id         BIGINT GENERATED ALWAYS AS IDENTITY,
    tenant     TEXT   NOT NULL,
    product_id BIGINT NOT NULL,
    kind       TEXT   NOT NULL,
    units      BIGINT NOT NULL CHECK (units <> 0),      -- what came; below zero, what went
    order_id   BIGINT,                                  -- with whose parcel it went
    reference  TEXT   CHECK (length(reference) <= 100), -- what the staff call it
    moved_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant, product_id, id)
);

-- What a supplier brought is received once under its name.
CREATE UNIQUE INDEX stock_receipts ON stock_movements (tenant, product_id, reference)
    WHERE kind = 'received' AND reference IS NOT NULL;
