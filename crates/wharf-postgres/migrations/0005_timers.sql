-- Timers of saga instances. A fired one stays until the saga has handled its firing, which tells a current firing from
-- a stale one by the generation.
CREATE TABLE wharf.timers (
    tenant     TEXT    NOT NULL,
    saga       TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    generation BIGINT  NOT NULL,                 -- the saga's revision when it was armed
    due_at     BIGINT  NOT NULL,                 -- µs
    fired      BOOLEAN NOT NULL DEFAULT false,
    endpoint   TEXT    NOT NULL,                 -- where its firing is delivered
    takes_turns BOOLEAN NOT NULL,                -- whether it takes turns there with others of its key
    trail      TEXT    NOT NULL,                 -- JSON
    -- Arming again replaces by it; a finishing saga deletes all of its own by its first three.
    PRIMARY KEY (tenant, saga, key, name)
) WITH (
    -- Armed and taken back all the time, rarely fired: as with deliveries.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0
);

-- The timer task asks for those that are due and for the next one; what has fired is not in its way.
CREATE INDEX timers_due ON wharf.timers (due_at) WHERE NOT fired;
