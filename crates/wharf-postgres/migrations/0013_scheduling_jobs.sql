-- The jobs that workers announce, and the schemas of their arguments: who enqueues one by hand is told at once what does
-- not fit. No tenant owns them, as a worker runs every tenant's.
CREATE TABLE wharf.job_types (
    name    TEXT    PRIMARY KEY,
    version INTEGER NOT NULL,
    schema  TEXT    NOT NULL      -- JSON schema, draft 2020-12
);

-- Due times whose job was not enqueued, as the one of an earlier due time still waited or ran; and why a schedule is paused,
-- where no person did it.
ALTER TABLE wharf.schedules
    ADD COLUMN skipped        BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN paused_because TEXT;

-- The last runs that a schedule enqueued. Its name is a part of the trail, which a foreign hand may have written: so it is
-- cut out of the text, which cannot fail, and not read as JSON.
CREATE INDEX runs_of_schedule
    ON wharf.runs (substring(trail FROM '"firing":\{"schedule":"((?:[^"\\]|\\.)*)"'), ended_at)
    WHERE trail LIKE '%"firing":{%';
