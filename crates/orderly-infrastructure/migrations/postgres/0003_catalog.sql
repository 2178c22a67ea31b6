-- What is for sale.
CREATE TABLE products (
    id          BIGINT GENERATED ALWAYS AS IDENTITY,
    tenant      TEXT   NOT NULL,
    sku         TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    price_minor BIGINT NOT NULL CHECK (price_minor > 0),
    currency    TEXT   NOT NULL,
    PRIMARY KEY (tenant, id),
    -- Adding a product twice makes one.
    UNIQUE (tenant, sku)
);
