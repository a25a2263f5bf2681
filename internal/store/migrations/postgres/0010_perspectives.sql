-- +goose Up
-- '': the policy of the server.
ALTER TABLE accounts ADD COLUMN perspectives TEXT NOT NULL DEFAULT '';

-- How the other perspectives were when that changed last, as any process saw.
CREATE TABLE perspectives (
    name   TEXT COLLATE "C" PRIMARY KEY,
    up     BIGINT NOT NULL,
    since  BIGINT NOT NULL,
    detail TEXT NOT NULL
);

-- +goose Down
DROP TABLE perspectives;
ALTER TABLE accounts DROP COLUMN perspectives;
