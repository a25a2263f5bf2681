-- Every account has a chain of links, one for each finished check; the head is
-- with the account, whose row is locked to add to it.
-- +goose Up
ALTER TABLE accounts ADD COLUMN chain_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN chain_hash BYTEA NOT NULL DEFAULT '';
-- Where the beginning of the chain was removed: a signed note of the last link
-- that is gone, as JSON.
ALTER TABLE accounts ADD COLUMN chain_cut BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN checkpoint TEXT COLLATE "C" NOT NULL DEFAULT '';

-- The link of the evidence, in the chain of the attempt's account; 0: none, it
-- is older than chains.
ALTER TABLE evidence ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
-- 1: the check changed the state of its domain; so it is kept for longer.
ALTER TABLE evidence ADD COLUMN changed BIGINT NOT NULL DEFAULT 1;

-- The account is its number. The link's own hash is not stored: it follows
-- from the rest.
CREATE TABLE chain (
    account       BIGINT NOT NULL,
    seq           BIGINT NOT NULL,
    attempt_id    TEXT COLLATE "C" NOT NULL,
    domain_id     TEXT COLLATE "C" NOT NULL,
    hostname      TEXT COLLATE "C" NOT NULL,
    method        TEXT COLLATE "C" NOT NULL,
    outcome       TEXT COLLATE "C" NOT NULL,
    at            BIGINT NOT NULL,
    body_sha256   BYTEA NOT NULL,
    previous      BYTEA NOT NULL,
    key           BIGINT NOT NULL,
    signature     BYTEA NOT NULL,
    PRIMARY KEY (account, seq)
);

CREATE TABLE signing_keys (
    number     BIGINT PRIMARY KEY,
    id         TEXT COLLATE "C" NOT NULL UNIQUE,
    public     BYTEA NOT NULL,
    private    BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT NOT NULL
);

-- Messages that the evidence of many attempts has in common.
CREATE TABLE blobs (
    sha256   BYTEA PRIMARY KEY,
    encoding TEXT COLLATE "C" NOT NULL,
    body     BYTEA NOT NULL,
    seen_at  BIGINT NOT NULL
);

-- How far retention has come: it goes over all attempts, again and again.
CREATE TABLE retention (
    name     TEXT COLLATE "C" PRIMARY KEY,
    position TEXT COLLATE "C" NOT NULL,
    began_at BIGINT NOT NULL,
    done_at  BIGINT NOT NULL
);

-- +goose Down
DROP TABLE retention;
DROP TABLE blobs;
DROP TABLE signing_keys;
DROP TABLE chain;
ALTER TABLE evidence DROP COLUMN changed;
ALTER TABLE evidence DROP COLUMN seq;
ALTER TABLE accounts DROP COLUMN checkpoint;
ALTER TABLE accounts DROP COLUMN chain_cut;
ALTER TABLE accounts DROP COLUMN chain_hash;
ALTER TABLE accounts DROP COLUMN chain_seq;
