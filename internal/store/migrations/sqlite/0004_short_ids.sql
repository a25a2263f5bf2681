-- +goose Up
-- Short ids (shortid.go) are made of the last 14 characters of an id.
CREATE UNIQUE INDEX domains_short ON domains (account_id, substr(id, 17));

-- +goose Down
DROP INDEX domains_short;
