-- +goose Up
-- What is counted once a minute by one process of all, for the metrics of each.
CREATE TABLE figures (
    name     TEXT COLLATE "C" PRIMARY KEY,
    value    BIGINT NOT NULL,
    taken_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE figures;
