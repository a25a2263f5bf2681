-- +goose Up
-- How many outlets of the account take events; what is told of is in outbox.
ALTER TABLE accounts ADD COLUMN outlets INTEGER NOT NULL DEFAULT 0;

-- Where the events of an account go: one row for each webhook and for each
-- reader of mail. All up to the number after_seq have been fanned out.
CREATE TABLE outlets (
    id            TEXT PRIMARY KEY,
    account_id    TEXT NOT NULL,
    kind          TEXT NOT NULL,
    enabled       INTEGER NOT NULL,
    patterns      TEXT NOT NULL,
    after_seq     INTEGER NOT NULL,
    failing_since INTEGER NOT NULL,
    slow          INTEGER NOT NULL,
    pause_until   INTEGER NOT NULL
) STRICT;
CREATE INDEX outlets_account ON outlets (account_id);

CREATE TABLE webhooks (
    id              TEXT PRIMARY KEY,
    account_id      TEXT NOT NULL REFERENCES accounts (id),
    url             TEXT NOT NULL,
    description     TEXT NOT NULL,
    secret          BLOB NOT NULL,
    old_secret      BLOB NOT NULL,
    old_until       INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    disabled_reason TEXT NOT NULL,
    disabled_at     INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX webhooks_account ON webhooks (account_id, created_at, id);

-- Accounts that have events which no outlet of theirs has got yet.
CREATE TABLE outbox (
    account_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- One event for one outlet. due_at is by the clock that domains live by,
-- lease_until by that of the database.
CREATE TABLE deliveries (
    id          TEXT PRIMARY KEY,
    account_id  TEXT NOT NULL,
    outlet_id   TEXT NOT NULL,
    kind        TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    event_seq   INTEGER NOT NULL,
    state       TEXT NOT NULL,
    once        INTEGER NOT NULL,
    run         INTEGER NOT NULL,
    rung        INTEGER NOT NULL,
    tries       TEXT NOT NULL,
    due_at      INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    ended_at    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX deliveries_event ON deliveries (outlet_id, event_id);
CREATE INDEX deliveries_waiting ON deliveries (outlet_id, due_at, event_seq) WHERE state = 'waiting';
CREATE INDEX deliveries_sending ON deliveries (outlet_id, lease_until) WHERE state = 'sending';
CREATE INDEX deliveries_log ON deliveries (outlet_id, created_at, id);
CREATE INDEX deliveries_ended ON deliveries (ended_at) WHERE ended_at > 0;

-- +goose Down
DROP TABLE deliveries;
DROP TABLE outbox;
DROP TABLE webhooks;
DROP TABLE outlets;
ALTER TABLE accounts DROP COLUMN outlets;
