-- The jobs that workers announce, and the schemas of their arguments: who enqueues one by hand is told at once what does
-- not fit. No tenant owns them, as a worker runs every tenant's.
CREATE TABLE wharf_job_types (
    name TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    -- JSON schema, draft 2020-12.
    schema TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Due times whose job was not enqueued, as the one of an earlier due time still waited or ran; and why a schedule is paused,
-- where no person did it.
ALTER TABLE wharf_schedules ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0;
ALTER TABLE wharf_schedules ADD COLUMN paused_because TEXT;

-- The last runs that a schedule enqueued. Its name is a part of the trail, which a foreign hand may have written. Only a trail
-- that tells of a firing is read.
CREATE INDEX wharf_runs_of_schedule
    ON wharf_runs (CASE WHEN json_valid(trail) THEN trail ->> '$.firing.schedule' END, ended_at)
    WHERE instr(trail, '"firing":{') > 0;
