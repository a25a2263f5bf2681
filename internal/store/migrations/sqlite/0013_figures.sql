-- +goose Up
-- What is counted once a minute by one process of all, for the metrics of each.
CREATE TABLE figures (
    name     TEXT PRIMARY KEY,
    value    INTEGER NOT NULL,
    taken_at INTEGER NOT NULL
) STRICT;

-- +goose Down
DROP TABLE figures;
