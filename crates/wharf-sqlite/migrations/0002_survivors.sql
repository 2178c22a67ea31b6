-- Messages that came by a transport of another kind, and whose last holder was lost: how often they were lost while they
-- were claimed alone. Few rows, and only for as long as the inbox remembers. The counts are of one round; those of earlier
-- ones travel with the message. Held: claimed alone, and not let go since.
CREATE TABLE wharf_survivors (
    tenant TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    message_id TEXT NOT NULL,
    round INTEGER NOT NULL,
    crashes INTEGER NOT NULL,
    held INTEGER NOT NULL,
    claimed_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, endpoint, message_id)
) STRICT, WITHOUT ROWID;
