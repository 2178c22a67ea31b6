-- Who may log in, and as what.
CREATE TABLE users (
    id            BIGINT GENERATED ALWAYS AS IDENTITY,
    tenant        TEXT   NOT NULL,
    email         TEXT   NOT NULL,               -- in lower case
    role          TEXT   NOT NULL,
    password_hash TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant, id),
    -- One person, one account.
    UNIQUE (tenant, email)
);
