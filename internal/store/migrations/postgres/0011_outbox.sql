-- +goose Up
-- How many outlets of the account take events; what is told of is in outbox.
ALTER TABLE accounts ADD COLUMN outlets BIGINT NOT NULL DEFAULT 0;

-- Where the events of an account go: one row for each webhook and for each
-- reader of mail. All up to the number after_seq have been fanned out.
CREATE TABLE outlets (
    id            TEXT COLLATE "C" PRIMARY KEY,
    account_id    TEXT COLLATE "C" NOT NULL,
    kind          TEXT COLLATE "C" NOT NULL,
    enabled       BIGINT NOT NULL,
    patterns      TEXT COLLATE "C" NOT NULL,
    after_seq     BIGINT NOT NULL,
    failing_since BIGINT NOT NULL,
    slow          BIGINT NOT NULL,
    pause_until   BIGINT NOT NULL
);
CREATE INDEX outlets_account ON outlets (account_id);

CREATE TABLE webhooks (
    id              TEXT COLLATE "C" PRIMARY KEY,
    account_id      TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    url             TEXT COLLATE "C" NOT NULL,
    description     TEXT COLLATE "C" NOT NULL,
    secret          BYTEA NOT NULL,
    old_secret      BYTEA NOT NULL,
    old_until       BIGINT NOT NULL,
    version         BIGINT NOT NULL,
    disabled_reason TEXT COLLATE "C" NOT NULL,
    disabled_at     BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL
);
CREATE INDEX webhooks_account ON webhooks (account_id, created_at, id);

-- Accounts that have events which no outlet of theirs has got yet.
CREATE TABLE outbox (
    account_id TEXT COLLATE "C" PRIMARY KEY
);

-- One event for one outlet. due_at is by the clock that domains live by,
-- lease_until by that of the database.
CREATE TABLE deliveries (
    id          TEXT COLLATE "C" PRIMARY KEY,
    account_id  TEXT COLLATE "C" NOT NULL,
    outlet_id   TEXT COLLATE "C" NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,
    event_id    TEXT COLLATE "C" NOT NULL,
    event_type  TEXT COLLATE "C" NOT NULL,
    event_seq   BIGINT NOT NULL,
    state       TEXT COLLATE "C" NOT NULL,
    once        BIGINT NOT NULL,
    run         BIGINT NOT NULL,
    rung        BIGINT NOT NULL,
    tries       TEXT COLLATE "C" NOT NULL,
    due_at      BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    ended_at    BIGINT NOT NULL
);
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
