-- Every account has a chain of links, one for each finished check; the head is
-- with the account, whose row is locked to add to it.
-- +goose Up
ALTER TABLE accounts ADD COLUMN chain_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN chain_hash BLOB NOT NULL DEFAULT X'';
-- Where the beginning of the chain was removed: a signed note of the last link
-- that is gone, as JSON.
ALTER TABLE accounts ADD COLUMN chain_cut INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN checkpoint TEXT NOT NULL DEFAULT '';

-- The link of the evidence, in the chain of the attempt's account; 0: none, it
-- is older than chains.
ALTER TABLE evidence ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
-- 1: the check changed the state of its domain; so it is kept for longer.
ALTER TABLE evidence ADD COLUMN changed INTEGER NOT NULL DEFAULT 1;

-- The account is its number. The link's own hash is not stored: it follows
-- from the rest.
CREATE TABLE chain (
    account       INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    attempt_id    TEXT NOT NULL,
    domain_id     TEXT NOT NULL,
    hostname      TEXT NOT NULL,
    method        TEXT NOT NULL,
    outcome       TEXT NOT NULL,
    at            INTEGER NOT NULL,
    body_sha256   BLOB NOT NULL,
    previous      BLOB NOT NULL,
    key           INTEGER NOT NULL,
    signature     BLOB NOT NULL,
    PRIMARY KEY (account, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_keys (
    number     INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    public     BLOB NOT NULL,
    private    BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER NOT NULL
) STRICT;

-- Messages that the evidence of many attempts has in common.
CREATE TABLE blobs (
    sha256   BLOB PRIMARY KEY,
    encoding TEXT NOT NULL,
    body     BLOB NOT NULL,
    seen_at  INTEGER NOT NULL
) STRICT;

-- How far retention has come: it goes over all attempts, again and again.
CREATE TABLE retention (
    name     TEXT PRIMARY KEY,
    position TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    done_at  INTEGER NOT NULL
) STRICT;

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
