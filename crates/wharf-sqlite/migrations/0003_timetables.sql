-- Schedules get timetables: a period, a cron expression in a time zone, or one moment. Where what a module declares and
-- what is in force differ, somebody has changed it. What is sent is kept too, so that any process can send it.
CREATE TABLE wharf_timetables (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    message TEXT NOT NULL,
    -- As wharf::Draft is written in JSON.
    draft TEXT,
    misfire TEXT NOT NULL CHECK (misfire IN ('run-once', 'run-all', 'skip')),
    -- As wharf::Timetable writes it.
    declared TEXT NOT NULL,
    times TEXT NOT NULL,
    -- Null while it is paused, and when it is never due again.
    next_at INTEGER,
    last_at INTEGER,
    missed INTEGER NOT NULL DEFAULT 0,
    paused_at INTEGER,
    version INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    -- Null when a module did.
    changed_by TEXT,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

INSERT INTO wharf_timetables
SELECT tenant, name, message, NULL, 'run-once', 'every ' || period || 'µs', 'every ' || period || 'µs', next_at, last_at,
       missed, NULL, 1, coalesce(last_at, next_at - period), NULL
FROM wharf_schedules;

DROP TABLE wharf_schedules;
ALTER TABLE wharf_timetables RENAME TO wharf_schedules;
