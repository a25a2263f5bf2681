-- Times are microseconds since 1970 in UTC; 0 is "not set". Booleans are 0 or 1.
-- +goose Up
CREATE TABLE accounts (
    id              TEXT PRIMARY KEY,
    number          INTEGER NOT NULL UNIQUE CHECK (number > 0),
    name            TEXT NOT NULL UNIQUE,
    email           TEXT NOT NULL,
    email_confirmed INTEGER NOT NULL,
    probely_token   TEXT NOT NULL,
    event_seq       INTEGER NOT NULL DEFAULT 0,
    created_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
    id           TEXT PRIMARY KEY,
    account_id   TEXT NOT NULL REFERENCES accounts (id),
    name         TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    hash         BLOB NOT NULL UNIQUE,
    scopes       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    revoked_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX tokens_account ON tokens (account_id, created_at);

CREATE TABLE domains (
    id                TEXT PRIMARY KEY,
    account_id        TEXT NOT NULL REFERENCES accounts (id),
    hostname          TEXT NOT NULL,
    scheme            TEXT NOT NULL,
    port              INTEGER NOT NULL,
    profile           TEXT NOT NULL,
    tokens            TEXT NOT NULL,
    generation        INTEGER NOT NULL,
    version           INTEGER NOT NULL,
    state             TEXT NOT NULL,
    state_since       INTEGER NOT NULL,
    verified_at       INTEGER NOT NULL,
    method            TEXT NOT NULL,
    assurance         TEXT NOT NULL,
    covers            TEXT NOT NULL,
    next_check_at     INTEGER NOT NULL,
    grace_ends_at     INTEGER NOT NULL,
    last_attempt_id   TEXT NOT NULL,
    discovery_enabled INTEGER NOT NULL,
    tags              TEXT NOT NULL,
    problem           TEXT NOT NULL,
    dns_host          TEXT NOT NULL,
    basic_user        TEXT NOT NULL,
    basic_password    BLOB NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    deleted_at        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX domains_live ON domains (account_id, hostname, scheme, port) WHERE deleted_at = 0;
CREATE INDEX domains_hostname ON domains (hostname) WHERE deleted_at = 0;
CREATE INDEX domains_created ON domains (account_id, created_at, id) WHERE deleted_at = 0;
CREATE INDEX domains_due ON domains (next_check_at) WHERE deleted_at = 0 AND next_check_at > 0;

CREATE TABLE claim_tokens (
    value      TEXT NOT NULL,
    domain_id  TEXT NOT NULL REFERENCES domains (id),
    account_id TEXT NOT NULL,
    hostname   TEXT NOT NULL,
    family     TEXT NOT NULL,
    generation INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER NOT NULL,
    PRIMARY KEY (value, domain_id, family)
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_tokens_name ON claim_tokens (account_id, hostname, retired_at);
CREATE INDEX claim_tokens_domain ON claim_tokens (domain_id);

CREATE TABLE attempts (
    id           TEXT PRIMARY KEY,
    account_id   TEXT NOT NULL,
    domain_id    TEXT NOT NULL REFERENCES domains (id),
    registrable  TEXT NOT NULL,
    generation   INTEGER NOT NULL,
    requested    TEXT NOT NULL,
    method       TEXT NOT NULL,
    cause        TEXT NOT NULL,
    state        TEXT NOT NULL,
    outcome      TEXT NOT NULL,
    problem      TEXT NOT NULL,
    notes        TEXT NOT NULL,
    steps        TEXT NOT NULL,
    node_id      TEXT NOT NULL,
    run          INTEGER NOT NULL,
    job_id       INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    ready_at     INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    finished_at  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX attempts_one_unfinished ON attempts (domain_id) WHERE state IN ('queued', 'running');
CREATE INDEX attempts_domain ON attempts (domain_id, created_at, id);
CREATE INDEX attempts_by_account ON attempts (account_id, created_at) WHERE cause <> 'schedule';
CREATE INDEX attempts_by_target ON attempts (registrable, created_at) WHERE cause <> 'schedule';
CREATE INDEX attempts_queued ON attempts (ready_at) WHERE state = 'queued';
CREATE INDEX attempts_running ON attempts (node_id) WHERE state = 'running';

CREATE TABLE evidence (
    attempt_id TEXT PRIMARY KEY,
    encoding   TEXT NOT NULL,
    body       BLOB NOT NULL
) STRICT;

CREATE TABLE events (
    account_id TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    id         TEXT NOT NULL UNIQUE,
    type       TEXT NOT NULL,
    domain_id  TEXT NOT NULL,
    data       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_created ON events (created_at);

CREATE TABLE nodes (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    beat_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE idempotency (
    account_id   TEXT NOT NULL,
    key          TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    done         INTEGER NOT NULL,
    status       INTEGER NOT NULL,
    header       TEXT NOT NULL,
    body         BLOB NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_created ON idempotency (created_at);

-- +goose Down
DROP TABLE idempotency;
DROP TABLE nodes;
DROP TABLE events;
DROP TABLE evidence;
DROP TABLE attempts;
DROP TABLE claim_tokens;
DROP TABLE domains;
DROP TABLE tokens;
DROP TABLE accounts;
