-- Messages that came by a transport of another kind, and whose last holder was lost: how often they were lost while they
-- were claimed alone. Few rows, and only for as long as the inbox remembers.
CREATE TABLE wharf.survivors (
    tenant     TEXT    NOT NULL,
    endpoint   TEXT    NOT NULL,
    message_id UUID    NOT NULL,
    round      INTEGER NOT NULL,                 -- the counts are this round's; earlier ones travel with the message
    crashes    INTEGER NOT NULL,
    held       BOOLEAN NOT NULL,                 -- claimed alone, and not let go since
    claimed_at BIGINT  NOT NULL,                 -- µs
    PRIMARY KEY (tenant, endpoint, message_id)
);
