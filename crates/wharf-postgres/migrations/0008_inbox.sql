-- Messages that came by a transport of another kind, for each endpoint, until no copy of them can come any more.
CREATE TABLE wharf.inbox (
    tenant     TEXT    NOT NULL,
    endpoint   TEXT    NOT NULL,
    message_id UUID    NOT NULL,
    rounds     INTEGER NOT NULL,                 -- so many of its rounds have ended
    ending     TEXT    NOT NULL,                 -- how the last one did: handled, dead-lettered or again
    ended_at   BIGINT  NOT NULL,                 -- µs
    -- Two that handle copies of one message meet here, and one of them rolls back.
    PRIMARY KEY (tenant, endpoint, message_id)
) WITH (
    -- Rows come at the rate of deliveries and go eight days later in batches: as many are dead as were pruned.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 50000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 200000,
    autovacuum_vacuum_cost_delay = 0
);

-- The oldest, for pruning.
CREATE INDEX inbox_ended ON wharf.inbox (ended_at);
