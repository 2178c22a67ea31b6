-- What is for sale.
CREATE TABLE products (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    price_minor INTEGER NOT NULL CHECK (price_minor > 0),
    currency TEXT NOT NULL,
    -- Products are found and walked by it. The row's own number knows no tenant.
    UNIQUE (tenant, id),
    -- Adding a product twice makes one.
    UNIQUE (tenant, sku)
) STRICT;
