-- +goose Up
ALTER TABLE accounts ADD COLUMN recheck TEXT NOT NULL DEFAULT 'keep';
ALTER TABLE domains ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE domains ADD COLUMN missing_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE domains ADD COLUMN misses INTEGER NOT NULL DEFAULT 0;
ALTER TABLE domains ADD COLUMN spares TEXT NOT NULL DEFAULT '';
ALTER TABLE domains ADD COLUMN frozen_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE domains ADD COLUMN freeze_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE domains ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE domains ADD COLUMN tries_end_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE domains ADD COLUMN tries_method TEXT NOT NULL DEFAULT '';
ALTER TABLE domains ADD COLUMN looked_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE domains ADD COLUMN stumbles INTEGER NOT NULL DEFAULT 0;
UPDATE domains SET seen_at = verified_at, looked_at = verified_at WHERE state = 'verified';
UPDATE domains SET seen_at = verified_at, missing_since = state_since, misses = 1 WHERE state = 'at_risk';

-- What is done now and then by one process of all, and when it was.
CREATE TABLE chores (
    name   TEXT PRIMARY KEY,
    ran_at INTEGER NOT NULL
) STRICT;

-- +goose Down
DROP TABLE chores;
ALTER TABLE domains DROP COLUMN stumbles;
ALTER TABLE domains DROP COLUMN looked_at;
ALTER TABLE domains DROP COLUMN tries_method;
ALTER TABLE domains DROP COLUMN tries_end_at;
ALTER TABLE domains DROP COLUMN tries;
ALTER TABLE domains DROP COLUMN freeze_reason;
ALTER TABLE domains DROP COLUMN frozen_at;
ALTER TABLE domains DROP COLUMN spares;
ALTER TABLE domains DROP COLUMN misses;
ALTER TABLE domains DROP COLUMN missing_since;
ALTER TABLE domains DROP COLUMN seen_at;
ALTER TABLE accounts DROP COLUMN recheck;
