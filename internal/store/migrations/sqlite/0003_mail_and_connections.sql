-- +goose Up
CREATE TABLE mailboxes (
    account_id   TEXT NOT NULL REFERENCES accounts (id),
    target       TEXT NOT NULL, -- the address in lower case, for comparison
    address      TEXT NOT NULL,
    domain       TEXT NOT NULL,
    confirmed_at INTEGER NOT NULL,
    confirmed_by TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (account_id, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX mailboxes_domain ON mailboxes (domain) WHERE confirmed_at > 0;
-- What the operator took for an address before; the program reads it strictly.
INSERT INTO mailboxes (account_id, target, address, domain, confirmed_at, confirmed_by, created_at)
SELECT id, lower(email), substr(email, 1, instr(email, '@')) || lower(substr(email, instr(email, '@') + 1)),
    lower(substr(email, instr(email, '@') + 1)),
    CASE WHEN email_confirmed = 1 THEN created_at ELSE 0 END, CASE WHEN email_confirmed = 1 THEN 'operator' ELSE '' END, created_at
FROM accounts WHERE length(email) - length(replace(email, '@', '')) = 1;

-- A short code is kept as a keyed hash only. domain_id is '' for a code that
-- confirms an address of the account.
CREATE TABLE mail_codes (
    id         TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    domain_id  TEXT NOT NULL,
    generation INTEGER NOT NULL,
    target     TEXT NOT NULL,
    address    TEXT NOT NULL,
    domain     TEXT NOT NULL,
    hash       BLOB NOT NULL,
    tries      INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    sent_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX mail_codes_account ON mail_codes (account_id, created_at);
CREATE INDEX mail_codes_target ON mail_codes (target, created_at);
CREATE INDEX mail_codes_domain ON mail_codes (domain, created_at);
CREATE INDEX mail_codes_created ON mail_codes (created_at);

CREATE TABLE connections (
    id          TEXT PRIMARY KEY,
    account_id  TEXT NOT NULL REFERENCES accounts (id),
    provider    TEXT NOT NULL,
    name        TEXT NOT NULL,
    hint        TEXT NOT NULL,
    credentials BLOB NOT NULL,
    tested_at   INTEGER NOT NULL,
    test_error  TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX connections_name ON connections (account_id, name);

-- +goose Down
DROP TABLE connections;
DROP TABLE mail_codes;
DROP TABLE mailboxes;
