-- The history of jobs. What has not ended is its delivery; the statement that deletes that one writes a row here, so a run
-- is always in one place. Nothing that claims or settles other deliveries looks here.
CREATE TABLE wharf.runs (
    tenant     TEXT    NOT NULL,
    id         UUID    NOT NULL,                 -- that of the message
    ended_at   BIGINT  NOT NULL,                 -- µs
    took       BIGINT,                           -- µs, the last attempt; null where its handler never began
    sent_at    BIGINT  NOT NULL,                 -- µs, by the sender's clock
    worker     UUID,
    attempts   INTEGER NOT NULL,
    crashes    INTEGER NOT NULL,
    redrives   INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    job        TEXT    NOT NULL,
    status     TEXT    NOT NULL CHECK (status IN ('succeeded', 'failed', 'cancelled', 'timed-out')),
    key        TEXT    NOT NULL,
    trail      TEXT    NOT NULL,                 -- JSON
    args       TEXT    NOT NULL,                 -- JSON, as they came
    progress   TEXT,                             -- JSON
    result     TEXT,                             -- JSON
    code       TEXT,                             -- of its error, such as W0001
    reason     TEXT,                             -- the error and its causes
    -- Ids grow with time, so that new rows come to the end of it.
    PRIMARY KEY (tenant, id)
) WITH (
    -- Rows come at the rate of jobs, are never changed, and go in batches.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 50000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 200000,
    autovacuum_vacuum_cost_delay = 0
);

-- The last of a job, and the last of all, where a job's name is not asked for.
CREATE INDEX runs_of_job ON wharf.runs (job, ended_at);
-- The last, or the oldest, that ended in some way.
CREATE INDEX runs_ended ON wharf.runs (status, ended_at);

-- What runs logged.
CREATE TABLE wharf.run_lines (
    tenant  TEXT    NOT NULL,
    run     UUID    NOT NULL,
    id      UUID    NOT NULL,                    -- grows with time
    at      BIGINT  NOT NULL,                    -- µs, by the worker's clock
    attempt INTEGER NOT NULL,
    level   TEXT    NOT NULL,
    text    TEXT    NOT NULL,
    fields  TEXT    NOT NULL,                    -- JSON
    -- A line that is told again is known by it.
    PRIMARY KEY (tenant, run, id)
);

-- What runs that go on told last. Unlogged: it is told again every second.
CREATE UNLOGGED TABLE wharf.run_news (
    tenant   TEXT   NOT NULL,
    run      UUID   NOT NULL,
    epoch    BIGINT NOT NULL,                    -- of the lease under which it was told
    told_at  BIGINT NOT NULL,                    -- µs
    took     BIGINT,                             -- µs, until then
    worker   UUID   NOT NULL,
    progress TEXT,                               -- JSON
    PRIMARY KEY (tenant, run)
);

-- Of a job that is to be the only one of its tenant, name and key for as long as it waits or runs, retries included: the row
-- itself is what keeps others out.
ALTER TABLE wharf.deliveries ADD COLUMN unique_key TEXT;
CREATE UNIQUE INDEX deliveries_unique ON wharf.deliveries (tenant, name, unique_key) WHERE unique_key IS NOT NULL;

-- One run that has not ended. Only jobs have a row in it: other deliveries are never looked for by their message.
CREATE INDEX deliveries_run ON wharf.deliveries (message_id) WHERE kind = 'job';
