-- What modules send every so often: a row for each schedule. Nobody ever holds one: it is due until the commit that sends
-- its message moves it on, and the update of its row is what only one of several can do. There are few.
CREATE TABLE wharf.schedules (
    tenant  TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    message TEXT    NOT NULL,
    period  BIGINT  NOT NULL CHECK (period > 0), -- µs; due at its multiples since 1970, UTC
    next_at BIGINT  NOT NULL,                    -- µs
    last_at BIGINT,                              -- µs, when it was last fired
    missed  BIGINT  NOT NULL DEFAULT 0,          -- due times that passed while nobody fired it
    PRIMARY KEY (tenant, name)
);
