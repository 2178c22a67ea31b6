-- The history of jobs. What has not ended is its delivery; the turn that deletes that one writes a row here, so a run is
-- always in one place. Nothing that claims or settles other deliveries looks here.
CREATE TABLE wharf_runs (
    tenant TEXT NOT NULL,
    -- That of the message.
    id TEXT NOT NULL,
    ended_at INTEGER NOT NULL,
    -- Microseconds of the last attempt; null where its handler never began.
    took INTEGER,
    sent_at INTEGER NOT NULL,
    worker TEXT,
    attempts INTEGER NOT NULL,
    crashes INTEGER NOT NULL,
    redrives INTEGER NOT NULL,
    version INTEGER NOT NULL,
    job TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('succeeded', 'failed', 'cancelled', 'timed-out')),
    key TEXT NOT NULL,
    trail TEXT NOT NULL,
    args TEXT NOT NULL,
    progress TEXT,
    result TEXT,
    code TEXT,
    reason TEXT,
    PRIMARY KEY (tenant, id)
) STRICT;

-- The last of a job.
CREATE INDEX wharf_runs_of_job ON wharf_runs (job, ended_at);
-- The last, or the oldest, that ended in some way.
CREATE INDEX wharf_runs_ended ON wharf_runs (status, ended_at);

-- What runs logged. A line that is told again is known by its id, which grows with time.
CREATE TABLE wharf_run_lines (
    tenant TEXT NOT NULL,
    run TEXT NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    level TEXT NOT NULL,
    text TEXT NOT NULL,
    fields TEXT NOT NULL,
    PRIMARY KEY (tenant, run, id)
) STRICT, WITHOUT ROWID;

-- What runs that go on told last, under which lease, and when.
CREATE TABLE wharf_run_news (
    tenant TEXT NOT NULL,
    run TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    told_at INTEGER NOT NULL,
    took INTEGER,
    worker TEXT NOT NULL,
    progress TEXT,
    PRIMARY KEY (tenant, run)
) STRICT, WITHOUT ROWID;

-- Of a job that is to be the only one of its tenant, name and key for as long as it waits or runs, retries included: the row
-- itself is what keeps others out.
ALTER TABLE wharf_deliveries ADD COLUMN unique_key TEXT;
CREATE UNIQUE INDEX wharf_deliveries_unique ON wharf_deliveries (tenant, name, unique_key) WHERE unique_key IS NOT NULL;

-- One run that has not ended. Only jobs have a row in it: other deliveries are never looked for by their message.
CREATE INDEX wharf_deliveries_run ON wharf_deliveries (message_id) WHERE kind = 'job';
