-- Schedules get timetables: a period, a cron expression in a time zone, or one moment. Where what a module declares and
-- what is in force differ, somebody has changed it. What is sent is kept too, so that any process can send it. A process of
-- the version before can fire nothing any more; those of this version do.
ALTER TABLE wharf.schedules
    ADD COLUMN declared   TEXT,   -- as wharf::Timetable writes it
    ADD COLUMN times      TEXT,
    ADD COLUMN misfire    TEXT NOT NULL DEFAULT 'run-once' CHECK (misfire IN ('run-once', 'run-all', 'skip')),
    ADD COLUMN draft      TEXT,   -- as wharf::Draft is written in JSON
    ADD COLUMN paused_at  BIGINT, -- µs
    ADD COLUMN version    BIGINT NOT NULL DEFAULT 1,
    ADD COLUMN changed_at BIGINT, -- µs
    ADD COLUMN changed_by TEXT;   -- null when a module did

UPDATE wharf.schedules
SET declared = 'every ' || period || 'µs', times = 'every ' || period || 'µs', changed_at = wharf.wharf_now();

ALTER TABLE wharf.schedules
    DROP COLUMN period,
    ALTER COLUMN declared SET NOT NULL,
    ALTER COLUMN times SET NOT NULL,
    ALTER COLUMN misfire DROP DEFAULT,
    ALTER COLUMN version DROP DEFAULT,
    ALTER COLUMN changed_at SET NOT NULL,
    ALTER COLUMN next_at DROP NOT NULL; -- null while it is paused, and when it is never due again
