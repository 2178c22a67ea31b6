-- Who consumes what: a row for each endpoint and message name, declared by every process when it starts. Whoever sends
-- reads all of it into memory. No tenant leads it, as an endpoint gets every tenant's messages.
CREATE TABLE wharf.subscriptions (
    message     TEXT    NOT NULL,
    endpoint    TEXT    NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('command', 'event')),
    takes_turns BOOLEAN NOT NULL,                -- whether the endpoint takes the messages of a key one at a time
    declared_at BIGINT  NOT NULL,                -- µs, first
    seen_at     BIGINT  NOT NULL,                -- µs, when a worker last said that it consumes it
    PRIMARY KEY (message, endpoint)
);
