-- Who was heard of lately. Unlogged: a beat costs no flush of the disk, and what a crash of the server takes with it is
-- told again by the next.
CREATE UNLOGGED TABLE wharf.workers (
    worker UUID PRIMARY KEY,
    -- Until when its last heartbeat is believed.
    believed_until BIGINT NOT NULL,
    heartbeat TEXT NOT NULL
);
