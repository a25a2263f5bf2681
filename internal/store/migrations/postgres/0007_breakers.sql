-- +goose Up
-- What holds back missing proofs, and did.
CREATE TABLE breakers (
    id           TEXT COLLATE "C" PRIMARY KEY,
    scope        TEXT COLLATE "C" NOT NULL,
    place        TEXT COLLATE "C" NOT NULL,
    reason       TEXT COLLATE "C" NOT NULL,
    state        TEXT COLLATE "C" NOT NULL,
    flips        BIGINT NOT NULL,
    checked      BIGINT NOT NULL,
    names        TEXT NOT NULL,
    tripped_at   BIGINT NOT NULL,
    hold         BIGINT NOT NULL,
    until_at     BIGINT NOT NULL,
    ends_at      BIGINT NOT NULL,
    pinned       BIGINT NOT NULL,
    probed_at    BIGINT NOT NULL,
    probe        TEXT NOT NULL,
    announced_at BIGINT NOT NULL,
    closed_at    BIGINT NOT NULL,
    outcome      TEXT COLLATE "C" NOT NULL,
    pass_until   BIGINT NOT NULL,
    acted_by     TEXT NOT NULL,
    note         TEXT NOT NULL
);
CREATE UNIQUE INDEX breakers_open ON breakers (scope, place) WHERE state <> 'closed';
CREATE INDEX breakers_closed ON breakers (closed_at);

-- Proofs that scheduled checks, or checks under a breaker, last missed: one row
-- for each domain. Without a breaker they count towards one.
CREATE TABLE flips (
    domain_id  TEXT COLLATE "C" PRIMARY KEY,
    hostname   TEXT COLLATE "C" NOT NULL,
    generation BIGINT NOT NULL,
    host       TEXT COLLATE "C" NOT NULL,
    network    TEXT COLLATE "C" NOT NULL,
    first_at   BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    was_since  BIGINT NOT NULL,
    held       BIGINT NOT NULL,
    breaker_id TEXT COLLATE "C" NOT NULL
);
CREATE INDEX flips_host ON flips (host, at) WHERE breaker_id = '';
CREATE INDEX flips_network ON flips (network, at) WHERE breaker_id = '';
CREATE INDEX flips_at ON flips (at);
CREATE INDEX flips_breaker ON flips (breaker_id, domain_id) WHERE breaker_id <> '';

-- How many checks each process made, in the places where something went
-- missing; a slot is five minutes.
CREATE TABLE breaker_checks (
    scope   TEXT COLLATE "C" NOT NULL,
    place   TEXT COLLATE "C" NOT NULL,
    slot    BIGINT NOT NULL,
    node_id TEXT COLLATE "C" NOT NULL,
    checked BIGINT NOT NULL,
    PRIMARY KEY (scope, place, slot, node_id)
);

CREATE TABLE canaries (
    name       TEXT COLLATE "C" PRIMARY KEY,
    domain_id  TEXT COLLATE "C" NOT NULL,
    well       BIGINT NOT NULL,
    detail     TEXT NOT NULL,
    asked_at   BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

-- Tells whether two processes beat under one id.
ALTER TABLE nodes ADD COLUMN mark TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE nodes DROP COLUMN mark;
DROP TABLE canaries;
DROP TABLE breaker_checks;
DROP TABLE flips;
DROP TABLE breakers;
