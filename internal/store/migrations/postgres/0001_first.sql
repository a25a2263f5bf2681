-- Times are microseconds since 1970 in UTC; 0 is "not set". Booleans are 0 or 1.
-- +goose Up
CREATE TABLE accounts (
    id              TEXT COLLATE "C" PRIMARY KEY,
    number          BIGINT NOT NULL UNIQUE CHECK (number > 0),
    name            TEXT COLLATE "C" NOT NULL UNIQUE,
    email           TEXT COLLATE "C" NOT NULL,
    email_confirmed BIGINT NOT NULL,
    probely_token   TEXT COLLATE "C" NOT NULL,
    event_seq       BIGINT NOT NULL DEFAULT 0,
    created_at      BIGINT NOT NULL
);

CREATE TABLE tokens (
    id           TEXT COLLATE "C" PRIMARY KEY,
    account_id   TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    name         TEXT COLLATE "C" NOT NULL,
    prefix       TEXT COLLATE "C" NOT NULL,
    hash         BYTEA NOT NULL UNIQUE,
    scopes       TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    revoked_at   BIGINT NOT NULL
);
CREATE INDEX tokens_account ON tokens (account_id, created_at);

CREATE TABLE domains (
    id                TEXT COLLATE "C" PRIMARY KEY,
    account_id        TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    hostname          TEXT COLLATE "C" NOT NULL,
    scheme            TEXT COLLATE "C" NOT NULL,
    port              BIGINT NOT NULL,
    profile           TEXT COLLATE "C" NOT NULL,
    tokens            TEXT COLLATE "C" NOT NULL,
    generation        BIGINT NOT NULL,
    version           BIGINT NOT NULL,
    state             TEXT COLLATE "C" NOT NULL,
    state_since       BIGINT NOT NULL,
    verified_at       BIGINT NOT NULL,
    method            TEXT COLLATE "C" NOT NULL,
    assurance         TEXT COLLATE "C" NOT NULL,
    covers            TEXT COLLATE "C" NOT NULL,
    next_check_at     BIGINT NOT NULL,
    grace_ends_at     BIGINT NOT NULL,
    last_attempt_id   TEXT COLLATE "C" NOT NULL,
    discovery_enabled BIGINT NOT NULL,
    tags              TEXT COLLATE "C" NOT NULL,
    problem           TEXT COLLATE "C" NOT NULL,
    dns_host          TEXT COLLATE "C" NOT NULL,
    basic_user        TEXT COLLATE "C" NOT NULL,
    basic_password    BYTEA NOT NULL,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    deleted_at        BIGINT NOT NULL
);
CREATE UNIQUE INDEX domains_live ON domains (account_id, hostname, scheme, port) WHERE deleted_at = 0;
CREATE INDEX domains_hostname ON domains (hostname) WHERE deleted_at = 0;
CREATE INDEX domains_created ON domains (account_id, created_at, id) WHERE deleted_at = 0;
CREATE INDEX domains_due ON domains (next_check_at) WHERE deleted_at = 0 AND next_check_at > 0;

CREATE TABLE claim_tokens (
    value      TEXT COLLATE "C" NOT NULL,
    domain_id  TEXT COLLATE "C" NOT NULL REFERENCES domains (id),
    account_id TEXT COLLATE "C" NOT NULL,
    hostname   TEXT COLLATE "C" NOT NULL,
    family     TEXT COLLATE "C" NOT NULL,
    generation BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT NOT NULL,
    PRIMARY KEY (value, domain_id, family)
);
CREATE INDEX claim_tokens_name ON claim_tokens (account_id, hostname, retired_at);
CREATE INDEX claim_tokens_domain ON claim_tokens (domain_id);

CREATE TABLE attempts (
    id           TEXT COLLATE "C" PRIMARY KEY,
    account_id   TEXT COLLATE "C" NOT NULL,
    domain_id    TEXT COLLATE "C" NOT NULL REFERENCES domains (id),
    registrable  TEXT COLLATE "C" NOT NULL,
    generation   BIGINT NOT NULL,
    requested    TEXT COLLATE "C" NOT NULL,
    method       TEXT COLLATE "C" NOT NULL,
    cause        TEXT COLLATE "C" NOT NULL,
    state        TEXT COLLATE "C" NOT NULL,
    outcome      TEXT COLLATE "C" NOT NULL,
    problem      TEXT COLLATE "C" NOT NULL,
    notes        TEXT COLLATE "C" NOT NULL,
    steps        TEXT COLLATE "C" NOT NULL,
    node_id      TEXT COLLATE "C" NOT NULL,
    run          BIGINT NOT NULL,
    job_id       BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    ready_at     BIGINT NOT NULL,
    started_at   BIGINT NOT NULL,
    finished_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX attempts_one_unfinished ON attempts (domain_id) WHERE state IN ('queued', 'running');
CREATE INDEX attempts_domain ON attempts (domain_id, created_at, id);
CREATE INDEX attempts_by_account ON attempts (account_id, created_at) WHERE cause <> 'schedule';
CREATE INDEX attempts_by_target ON attempts (registrable, created_at) WHERE cause <> 'schedule';
CREATE INDEX attempts_queued ON attempts (ready_at) WHERE state = 'queued';
CREATE INDEX attempts_running ON attempts (node_id) WHERE state = 'running';

CREATE TABLE evidence (
    attempt_id TEXT COLLATE "C" PRIMARY KEY,
    encoding   TEXT COLLATE "C" NOT NULL,
    body       BYTEA NOT NULL
);

CREATE TABLE events (
    account_id TEXT COLLATE "C" NOT NULL,
    seq        BIGINT NOT NULL,
    id         TEXT COLLATE "C" NOT NULL UNIQUE,
    type       TEXT COLLATE "C" NOT NULL,
    domain_id  TEXT COLLATE "C" NOT NULL,
    data       TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, seq)
);
CREATE INDEX events_created ON events (created_at);

CREATE TABLE nodes (
    id         TEXT COLLATE "C" PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL,
    started_at BIGINT NOT NULL,
    beat_at    BIGINT NOT NULL
);

CREATE TABLE idempotency (
    account_id   TEXT COLLATE "C" NOT NULL,
    key          TEXT COLLATE "C" NOT NULL,
    request_hash BYTEA NOT NULL,
    done         BIGINT NOT NULL,
    status       BIGINT NOT NULL,
    header       TEXT COLLATE "C" NOT NULL,
    body         BYTEA NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (account_id, key)
);
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
