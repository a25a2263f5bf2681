-- +goose Up
-- Who did what. Rows are only added, and forgotten when they are old.
CREATE TABLE audit (
    id         TEXT COLLATE "C" PRIMARY KEY,
    at         BIGINT NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    actor      TEXT NOT NULL,
    token_id   TEXT NOT NULL,
    token_name TEXT NOT NULL,
    action     TEXT COLLATE "C" NOT NULL,
    target     TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    detail     TEXT NOT NULL,
    request_id TEXT NOT NULL,
    address    TEXT NOT NULL
);
CREATE INDEX audit_account ON audit (account_id, at, id);
CREATE INDEX audit_target ON audit (target, at, id);
CREATE INDEX audit_at ON audit (at, id);
-- +goose StatementBegin
CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only added to';
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION audit_stays();

-- +goose Down
DROP TABLE audit;
DROP FUNCTION audit_stays();
