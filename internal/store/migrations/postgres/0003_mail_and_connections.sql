-- +goose Up
CREATE TABLE mailboxes (
    account_id   TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    target       TEXT COLLATE "C" NOT NULL, -- the address in lower case, for comparison
    address      TEXT COLLATE "C" NOT NULL,
    domain       TEXT COLLATE "C" NOT NULL,
    confirmed_at BIGINT NOT NULL,
    confirmed_by TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (account_id, target)
);
CREATE INDEX mailboxes_domain ON mailboxes (domain) WHERE confirmed_at > 0;
-- What the operator took for an address before; the program reads it strictly.
INSERT INTO mailboxes (account_id, target, address, domain, confirmed_at, confirmed_by, created_at)
SELECT id, lower(email), substr(email, 1, strpos(email, '@')) || lower(substr(email, strpos(email, '@') + 1)),
    lower(substr(email, strpos(email, '@') + 1)),
    CASE WHEN email_confirmed = 1 THEN created_at ELSE 0 END, CASE WHEN email_confirmed = 1 THEN 'operator' ELSE '' END, created_at
FROM accounts WHERE length(email) - length(replace(email, '@', '')) = 1;

-- A short code is kept as a keyed hash only. domain_id is '' for a code that
-- confirms an address of the account.
CREATE TABLE mail_codes (
    id         TEXT COLLATE "C" PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    domain_id  TEXT COLLATE "C" NOT NULL,
    generation BIGINT NOT NULL,
    target     TEXT COLLATE "C" NOT NULL,
    address    TEXT COLLATE "C" NOT NULL,
    domain     TEXT COLLATE "C" NOT NULL,
    hash       BYTEA NOT NULL,
    tries      BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    sent_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL
);
CREATE INDEX mail_codes_account ON mail_codes (account_id, created_at);
CREATE INDEX mail_codes_target ON mail_codes (target, created_at);
CREATE INDEX mail_codes_domain ON mail_codes (domain, created_at);
CREATE INDEX mail_codes_created ON mail_codes (created_at);

CREATE TABLE connections (
    id          TEXT COLLATE "C" PRIMARY KEY,
    account_id  TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    provider    TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    hint        TEXT COLLATE "C" NOT NULL,
    credentials BYTEA NOT NULL,
    tested_at   BIGINT NOT NULL,
    test_error  TEXT COLLATE "C" NOT NULL,
    created_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX connections_name ON connections (account_id, name);

-- +goose Down
DROP TABLE connections;
DROP TABLE mail_codes;
DROP TABLE mailboxes;
