-- Deliveries that were given up, with all that is needed to understand them and to send them round again.
CREATE TABLE wharf.dead_letters (
    id         BIGINT  NOT NULL,                 -- that of the delivery it was
    died_at    BIGINT  NOT NULL,                 -- µs
    sent_at    BIGINT  NOT NULL,                 -- µs, by the sender's clock
    message_id UUID    NOT NULL,
    attempt    INTEGER NOT NULL,
    crashes    INTEGER NOT NULL,
    redrives   INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    tenant     TEXT    NOT NULL,
    endpoint   TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    trail      TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    code       TEXT    NOT NULL,                 -- such as W0001
    reason     TEXT    NOT NULL,                 -- the error and its causes
    rank       SMALLINT NOT NULL,
    expires_at BIGINT,                           -- µs
    turn TEXT COLLATE "C",
    place BIGINT,                                -- µs
    redrive_to TEXT,                             -- the outbox of one that came by another transport; null: its endpoint
    -- As with deliveries. Also the order in which an operator reads them.
    PRIMARY KEY (id)
);

-- One tenant's, in order.
CREATE INDEX dead_letters_of_tenant ON wharf.dead_letters (tenant, id);
-- One endpoint's, in order: what one redrives after mending a handler.
CREATE INDEX dead_letters_of_endpoint ON wharf.dead_letters (endpoint, id);
-- Those that keep others of their turn waiting, and which of them is first.
CREATE INDEX dead_letters_of_turn ON wharf.dead_letters (endpoint, turn, place, id)
    WHERE turn IS NOT NULL AND code <> 'W0029';
