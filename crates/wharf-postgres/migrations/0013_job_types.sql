-- The jobs that workers announce, and the schemas of their arguments: who enqueues one by hand is told at once what does
-- not fit. No tenant owns them, as a worker runs every tenant's.
CREATE TABLE wharf.job_types (
    name    TEXT    PRIMARY KEY,
    version INTEGER NOT NULL,
    schema  TEXT    NOT NULL      -- JSON schema, draft 2020-12
);
