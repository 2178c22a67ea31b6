-- Since when a person has to see to an order, in microseconds since 1970; null of one that was called for before this column.
ALTER TABLE orders ADD COLUMN attention_since BIGINT;

-- Orders that a person has to see to; they are few.
CREATE INDEX orders_for_attention ON orders (tenant, id) WHERE attention IS NOT NULL;
