-- How much of each product there is. Small and hot: every order takes from it, by primary key.
CREATE TABLE stock (
    tenant TEXT NOT NULL,
    product_id INTEGER NOT NULL,
    available INTEGER NOT NULL CHECK (available >= 0),
    reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    reorder_level INTEGER NOT NULL DEFAULT 0 CHECK (reorder_level >= 0),
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, product_id)
) STRICT, WITHOUT ROWID;

-- What is or was held for whom: at most one reservation for an order. Released without lines, it is the tombstone that
-- a late request finds.
CREATE TABLE reservations (
    tenant TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (tenant, order_id)
) STRICT, WITHOUT ROWID;

-- They stay when the reservation is over.
CREATE TABLE reservation_lines (
    tenant TEXT NOT NULL,
    order_id INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    units INTEGER NOT NULL CHECK (units > 0),
    PRIMARY KEY (tenant, order_id, product_id)
) STRICT, WITHOUT ROWID;

-- Every change of what lies in the warehouse: available + reserved is the sum of a product's movements.
CREATE TABLE stock_movements (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    product_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    -- What came; below zero, what went.
    units INTEGER NOT NULL CHECK (units <> 0),
    -- With whose parcel it went.
    order_id INTEGER,
    -- What the staff call it.
    reference TEXT CHECK (length(reference) <= 100),
    moved_at INTEGER NOT NULL
) STRICT;

-- Those of one product, newest last: the row's number stands at the end of the index by itself.
CREATE INDEX stock_movements_of_product ON stock_movements (tenant, product_id);

-- What a supplier brought is received once under its name.
CREATE UNIQUE INDEX stock_receipts ON stock_movements (tenant, product_id, reference)
    WHERE kind = 'received' AND reference IS NOT NULL;
