-- Who may log in, and as what.
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    -- In lower case.
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- One person, one account.
    UNIQUE (tenant, email)
) STRICT;
