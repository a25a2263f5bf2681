-- +goose Up
-- Open offers, in the order in which those that are over are looked for.
CREATE INDEX transfers_standing ON transfers (id) WHERE state = 'open';

-- +goose Down
DROP INDEX transfers_standing;
