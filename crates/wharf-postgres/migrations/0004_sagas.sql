-- Saga instances. Finished ones stay as tombstones, so that late events are still decided.
CREATE TABLE wharf.sagas (
    tenant      TEXT    NOT NULL,
    saga        TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    revision    BIGINT  NOT NULL,                -- counts its steps, from 1; each step replaces exactly the one before
    version     INTEGER NOT NULL,                -- of the code that wrote it
    state_name  TEXT    NOT NULL,
    state       TEXT    NOT NULL,                -- JSON
    facts       TEXT    NOT NULL,                -- JSON
    finished_at BIGINT,                          -- µs
    created_at  BIGINT  NOT NULL,                -- µs
    updated_at  BIGINT  NOT NULL,                -- µs
    -- Every event finds its instance by it.
    PRIMARY KEY (tenant, saga, key)
) WITH (
    -- A step, but the last, changes no indexed column: with room on the page it touches no index.
    fillfactor = 70
);

-- The oldest tombstones, to delete them.
CREATE INDEX sagas_finished ON wharf.sagas (finished_at) WHERE finished_at IS NOT NULL;
