-- How much of each product there is. Small and hot: every order takes from it, by primary key.
CREATE TABLE stock (
    tenant TEXT NOT NULL,
    product_id INTEGER NOT NULL,
    available INTEGER NOT NULL CHECK (available >= 0),
    reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    reorder_level INTEGER NOT NULL DEFAULT 0 CHECK (reorder_level >= 0),
    -- What there was at first: available + reserved + all that has left.
    opening INTEGER NOT NULL CHECK (opening >= 0),
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
