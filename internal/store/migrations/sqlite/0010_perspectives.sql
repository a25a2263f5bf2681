-- +goose Up
-- '': the policy of the server.
ALTER TABLE accounts ADD COLUMN perspectives TEXT NOT NULL DEFAULT '';

-- How the other perspectives were when that changed last, as any process saw.
CREATE TABLE perspectives (
    name   TEXT PRIMARY KEY,
    up     INTEGER NOT NULL,
    since  INTEGER NOT NULL,
    detail TEXT NOT NULL
) STRICT;

-- +goose Down
DROP TABLE perspectives;
ALTER TABLE accounts DROP COLUMN perspectives;
