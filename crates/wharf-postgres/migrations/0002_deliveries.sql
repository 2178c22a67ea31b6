-- Messages that wait for an endpoint or are held by a worker. What is settled is deleted: the table stays small and hot.
--
-- A claim writes held_until and epoch and no indexed column. With room on the page it touches no index and writes little
-- to the log: half the work of moving the row to another place in the queue. What is held is due again by itself once
-- its holder is gone: it is then a survivor, and is claimed alone. Whoever settles must know the epoch that its claim set.
CREATE TABLE wharf.deliveries (
    id         BIGINT  GENERATED ALWAYS AS IDENTITY,
    not_before BIGINT  NOT NULL,                 -- µs; due from then on
    held_until BIGINT  NOT NULL DEFAULT 0,       -- µs, the lease's end; 0 while nobody holds it
    epoch      BIGINT  NOT NULL DEFAULT 0,       -- raised by every claim
    attempt    INTEGER NOT NULL DEFAULT 0,
    crashes    INTEGER NOT NULL DEFAULT 0,       -- leases that ran out while it was claimed alone
    lost_leases INTEGER NOT NULL DEFAULT 0,      -- leases that ran out, alone or not
    alone      BOOLEAN NOT NULL DEFAULT false,   -- whether it is held as a survivor, alone in its claim
    sent_at    BIGINT  NOT NULL,                 -- µs, by the sender's clock
    message_id UUID    NOT NULL,
    redrives   INTEGER NOT NULL DEFAULT 0,
    version    INTEGER NOT NULL,
    rank       SMALLINT NOT NULL DEFAULT 1       -- the priority: what sorts first is claimed first
               CHECK (rank BETWEEN 0 AND 2),     -- each rank there is costs every claim a look
    tenant     TEXT    NOT NULL,
    endpoint   TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    kind       TEXT    NOT NULL,                 -- command or event
    key        TEXT    NOT NULL,
    trail      TEXT    NOT NULL,                 -- JSON
    body       TEXT    NOT NULL,                 -- JSON, as it came
    expires_at    BIGINT,                        -- µs; of no use from then on
    unknown_since BIGINT,                        -- µs; when a worker first said that it knows no such message
    -- The next three are null where a delivery takes no turns with others of its key.
    turn TEXT COLLATE "C",                       -- with whom it takes turns, within its endpoint
    place BIGINT,                                -- µs; when it became due for the first time, its place among those
    busy TEXT COLLATE "C",                       -- its turn while it is held
    -- Settling and renewing find their rows by it. It names a row of a queue, not a thing of a tenant's, so no tenant
    -- leads it.
    PRIMARY KEY (id)
) WITH (
    -- Room on the page for a second version of every row on it: the one that a claim writes.
    fillfactor = 45,
    -- Every row is updated and deleted within seconds. What is dead must go after some thousands, not after a share of
    -- a table that may be empty or hold millions; and at full speed.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 50000,
    autovacuum_vacuum_cost_delay = 0,
    -- Giving pages back locks the table against everybody; the next burst needs them again.
    vacuum_truncate = off
);

-- Claims walk it for each rank in the order of being due, id settling ties, step over what is held (as much as the workers prefetch)
-- and stop after a batch or at the first row of the future: the cost of a claim does not depend on the backlog. The same
-- walk tells when the next row is due. It does not begin with the tenant: a worker takes every tenant's deliveries.
CREATE INDEX deliveries_due ON wharf.deliveries (endpoint, rank, not_before, id);

-- Which of a turn is first, and which turns there are.
CREATE INDEX deliveries_turn ON wharf.deliveries (endpoint, turn, place, id) WHERE turn IS NOT NULL;

-- Whose turn it is. Claims that heed turns come one at a time for each endpoint and look here first; should two ever
-- pass that gate, the second fails here. It is why busy is a column: held_until stays out of every index, so that the
-- claim of what takes no turns touches none.
CREATE UNIQUE INDEX deliveries_busy ON wharf.deliveries (endpoint, busy) WHERE busy IS NOT NULL;

-- Deliveries that share a commit are guarded by a cursor that would outlive it: to keep such a cursor, a COMMIT first runs
-- its query. wharf closes it before its own commit; one of a handler's ends here, and the transaction with it.
CREATE FUNCTION wharf.refuse_commit() RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'this transaction is shared with other deliveries: wharf commits it'
        USING ERRCODE = 'invalid_transaction_termination', HINT = 'Return from the handler instead.';
END $$;
