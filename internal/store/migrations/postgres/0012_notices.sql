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

-- What an account has chosen; none: the defaults. JSON lists.
CREATE TABLE notices (
    account_id TEXT COLLATE "C" PRIMARY KEY,
    addresses  TEXT COLLATE "C" NOT NULL,
    events     TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Who gets notices by mail; each is an outlet with the same id.
CREATE TABLE notice_readers (
    id         TEXT COLLATE "C" PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL,
    target     TEXT COLLATE "C" NOT NULL,
    address    TEXT COLLATE "C" NOT NULL,
    sent_at    BIGINT NOT NULL,
    UNIQUE (account_id, target)
);

-- Mails of the last hour, which are counted.
CREATE TABLE notice_mails (
    id         TEXT COLLATE "C" PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL,
    at         BIGINT NOT NULL
);
CREATE INDEX notice_mails_account ON notice_mails (account_id, at);

-- Accounts with a confirmed address read from now on.
INSERT INTO notice_readers (id, account_id, target, address, sent_at)
    SELECT 'ntc_' || substr(accounts.id, 5), accounts.id, target, address, 0
    FROM accounts JOIN mailboxes ON account_id = accounts.id AND address = email AND confirmed_at > 0;
INSERT INTO outlets (id, account_id, kind, enabled, patterns, after_seq, failing_since, slow, pause_until)
    SELECT notice_readers.id, accounts.id, 'mail', 1, '["domain.at_risk","domain.lapsed","domain.recovered","domain.frozen","domain.claimed","domain.transferred","proof.missing","challenge.expired","webhook.disabled","breaker.tripped","breaker.resumed","perspective.down","perspective.up","clock.jumped"]', event_seq, 0, 0, 0
    FROM notice_readers JOIN accounts ON accounts.id = account_id;
UPDATE accounts SET outlets = outlets + 1 WHERE id IN (SELECT account_id FROM notice_readers);

-- +goose Down
UPDATE accounts SET outlets = outlets - 1 WHERE id IN (SELECT account_id FROM outlets WHERE kind = 'mail' AND enabled = 1);
DELETE FROM outlets WHERE kind = 'mail';
DELETE FROM deliveries WHERE kind = 'mail';
DROP TABLE notice_mails;
DROP TABLE notice_readers;
DROP TABLE notices;
DROP TABLE audit;
DROP FUNCTION audit_stays();
