-- +goose Up
-- What holds back missing proofs, and did.
CREATE TABLE breakers (
    id           TEXT PRIMARY KEY,
    scope        TEXT NOT NULL,
    place        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    state        TEXT NOT NULL,
    flips        INTEGER NOT NULL,
    checked      INTEGER NOT NULL,
    names        TEXT NOT NULL,
    tripped_at   INTEGER NOT NULL,
    hold         INTEGER NOT NULL,
    until_at     INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    pinned       INTEGER NOT NULL,
    probed_at    INTEGER NOT NULL,
    probe        TEXT NOT NULL,
    announced_at INTEGER NOT NULL,
    closed_at    INTEGER NOT NULL,
    outcome      TEXT NOT NULL,
    pass_until   INTEGER NOT NULL,
    acted_by     TEXT NOT NULL,
    note         TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX breakers_open ON breakers (scope, place) WHERE state <> 'closed';
CREATE INDEX breakers_closed ON breakers (closed_at);

-- Proofs that scheduled checks, or checks under a breaker, last missed: one row
-- for each domain. Without a breaker they count towards one.
CREATE TABLE flips (
    domain_id  TEXT PRIMARY KEY,
    hostname   TEXT NOT NULL,
    generation INTEGER NOT NULL,
    host       TEXT NOT NULL,
    network    TEXT NOT NULL,
    first_at   INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    was_since  INTEGER NOT NULL,
    held       INTEGER NOT NULL,
    breaker_id TEXT NOT NULL
) STRICT;
CREATE INDEX flips_host ON flips (host, at) WHERE breaker_id = '';
CREATE INDEX flips_network ON flips (network, at) WHERE breaker_id = '';
CREATE INDEX flips_at ON flips (at);
CREATE INDEX flips_breaker ON flips (breaker_id, domain_id) WHERE breaker_id <> '';

-- How many checks each process made, in the places where something went
-- missing; a slot is five minutes.
CREATE TABLE breaker_checks (
    scope   TEXT NOT NULL,
    place   TEXT NOT NULL,
    slot    INTEGER NOT NULL,
    node_id TEXT NOT NULL,
    checked INTEGER NOT NULL,
    PRIMARY KEY (scope, place, slot, node_id)
) STRICT;

CREATE TABLE canaries (
    name       TEXT PRIMARY KEY,
    domain_id  TEXT NOT NULL,
    well       INTEGER NOT NULL,
    detail     TEXT NOT NULL,
    asked_at   INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

-- Tells whether two processes beat under one id.
ALTER TABLE nodes ADD COLUMN mark TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE nodes DROP COLUMN mark;
DROP TABLE canaries;
DROP TABLE breaker_checks;
DROP TABLE flips;
DROP TABLE breakers;
