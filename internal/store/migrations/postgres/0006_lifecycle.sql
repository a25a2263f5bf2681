-- +goose Up
ALTER TABLE accounts ADD COLUMN recheck TEXT NOT NULL DEFAULT 'keep';
ALTER TABLE domains ADD COLUMN seen_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domains ADD COLUMN missing_since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domains ADD COLUMN misses BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domains ADD COLUMN spares TEXT NOT NULL DEFAULT '';
ALTER TABLE domains ADD COLUMN frozen_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domains ADD COLUMN freeze_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE domains ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domains ADD COLUMN tries_end_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domains ADD COLUMN tries_method TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE domains ADD COLUMN looked_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domains ADD COLUMN stumbles BIGINT NOT NULL DEFAULT 0;
UPDATE domains SET seen_at = verified_at, looked_at = verified_at WHERE state = 'verified';
UPDATE domains SET seen_at = verified_at, missing_since = state_since, misses = 1 WHERE state = 'at_risk';

-- What is done now and then by one process of all, and when it was.
CREATE TABLE chores (
    name   TEXT PRIMARY KEY,
    ran_at BIGINT NOT NULL
);

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
