-- Deliveries: one row for each message and endpoint, from its sending to its settlement. Small and hot.
--
-- AUTOINCREMENT: an id is never given twice, so that (id, epoch) proves who holds what even after the row is gone.
-- not_before is both the due time and, while held, the end of the lease: microseconds since 1970.
-- held tells a delivery in work (1) from one that waits (0); a claim that finds it still 1 has found a survivor of a
-- crash, which it takes alone (alone = 1). lost_leases counts every lease that ran out, crashes those of them that ran
-- out while it was alone.
CREATE TABLE wharf_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    not_before INTEGER NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0,
    alone INTEGER NOT NULL DEFAULT 0,
    lost_leases INTEGER NOT NULL DEFAULT 0,
    -- The priority: what sorts first is claimed first. Each rank there is costs every claim a look.
    rank INTEGER NOT NULL DEFAULT 1 CHECK (rank BETWEEN 0 AND 2),
    expires_at INTEGER,
    -- When a worker first said that it knows no such message.
    unknown_since INTEGER,
    -- With whom it takes turns within its endpoint, and when it became due for the first time, its place among those.
    turn TEXT,
    place INTEGER,
    attempt INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    redrives INTEGER NOT NULL DEFAULT 0,
    message_id TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    sent_at INTEGER NOT NULL,
    trail TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;

-- Claims walk it: for each rank the due rows of an endpoint, oldest first, however many others wait. Leases that ran out are found by
-- the same walk. It does not begin with the tenant: a worker takes its endpoint's deliveries of every tenant.
CREATE INDEX wharf_deliveries_due ON wharf_deliveries (endpoint, rank, not_before, id);

-- Which of a turn is first, and which turns there are; and whose turn it is.
CREATE INDEX wharf_deliveries_turn ON wharf_deliveries (endpoint, turn, place, id) WHERE turn IS NOT NULL;
CREATE INDEX wharf_deliveries_busy ON wharf_deliveries (endpoint, turn) WHERE turn IS NOT NULL AND held = 1;

-- Dead letters: deliveries that were given up, under the id they had. Listed by id, which is also their order of
-- sending; there are few, so that other filters may look at each. One that came by another transport is redriven to
-- the outbox that redrive_to names; where it is null, to its endpoint.
CREATE TABLE wharf_dead_letters (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    crashes INTEGER NOT NULL,
    redrives INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    sent_at INTEGER NOT NULL,
    trail TEXT NOT NULL,
    body TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    died_at INTEGER NOT NULL,
    redrive_to TEXT,
    rank INTEGER NOT NULL,
    expires_at INTEGER,
    turn TEXT,
    place INTEGER
) STRICT;

-- Those that keep others of their turn waiting, and which of them is first.
CREATE INDEX wharf_dead_letters_of_turn ON wharf_dead_letters (endpoint, turn, place, id)
    WHERE turn IS NOT NULL AND code <> 'W0029';

-- Sagas: one row for each instance; finished ones stay as tombstones. Found by primary key only.
CREATE TABLE wharf_sagas (
    tenant TEXT NOT NULL,
    saga TEXT NOT NULL,
    key TEXT NOT NULL,
    revision INTEGER NOT NULL,
    version INTEGER NOT NULL,
    state_name TEXT NOT NULL,
    state TEXT NOT NULL,
    facts TEXT NOT NULL,
    finished_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, saga, key)
) STRICT;

-- The oldest tombstones, to delete them.
CREATE INDEX wharf_sagas_finished ON wharf_sagas (finished_at) WHERE finished_at IS NOT NULL;

-- Timers: one row for each armed timer of a saga instance, and for those that fired and were not yet handled.
-- WITHOUT ROWID: the rows are small and only ever found by this key or through the index below.
CREATE TABLE wharf_timers (
    tenant TEXT NOT NULL,
    saga TEXT NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    generation INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    fired INTEGER NOT NULL DEFAULT 0,
    endpoint TEXT NOT NULL,
    takes_turns INTEGER NOT NULL,
    trail TEXT NOT NULL,
    PRIMARY KEY (tenant, saga, key, name)
) STRICT, WITHOUT ROWID;

-- The next timers to fire, and when: only those that still wait, so that it stays as small as what is to come.
CREATE INDEX wharf_timers_due ON wharf_timers (due_at) WHERE fired = 0;

-- Inbox: one row for each message that came by a transport of another kind, and endpoint, until no copy of it can come
-- any more. rounds is how many of its rounds have ended; ending tells how the last one did.
-- WITHOUT ROWID: the rows are small and only ever found by this key or through the index below.
CREATE TABLE wharf_inbox (
    tenant TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    message_id TEXT NOT NULL,
    rounds INTEGER NOT NULL,
    ending TEXT NOT NULL,
    ended_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, endpoint, message_id)
) STRICT, WITHOUT ROWID;

-- The oldest, for pruning.
CREATE INDEX wharf_inbox_ended ON wharf_inbox (ended_at);
-- Subscriptions: which endpoint consumes the messages of which name; a row for each, declared by every process when it
-- starts. Senders read all of it into memory. No tenant leads it: an endpoint gets every tenant's messages.
CREATE TABLE wharf_subscriptions (
    message TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('command', 'event')),
    takes_turns INTEGER NOT NULL,
    declared_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (message, endpoint)
) STRICT, WITHOUT ROWID;

-- Schedules: one row for each message that a module sends every so often. Nobody ever holds one: it is due until the
-- commit that sends its message moves it on. There are few.
CREATE TABLE wharf_schedules (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    message TEXT NOT NULL,
    period INTEGER NOT NULL CHECK (period > 0),
    next_at INTEGER NOT NULL,
    last_at INTEGER,
    missed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
