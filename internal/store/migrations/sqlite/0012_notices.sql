-- +goose Up
-- Who did what. Rows are only added, and forgotten when they are old.
CREATE TABLE audit (
    id         TEXT PRIMARY KEY,
    at         INTEGER NOT NULL,
    account_id TEXT NOT NULL,
    actor      TEXT NOT NULL,
    token_id   TEXT NOT NULL,
    token_name TEXT NOT NULL,
    action     TEXT NOT NULL,
    target     TEXT NOT NULL,
    name       TEXT NOT NULL,
    detail     TEXT NOT NULL,
    request_id TEXT NOT NULL,
    address    TEXT NOT NULL
) STRICT;
CREATE INDEX audit_account ON audit (account_id, at, id);
CREATE INDEX audit_target ON audit (target, at, id);
CREATE INDEX audit_at ON audit (at, id);
-- +goose StatementBegin
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is only added to');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE audit;
