-- +goose Up
-- A fresh proof of a name that another account has proved, where only one may.
CREATE TABLE contests (
    id                 TEXT PRIMARY KEY,
    hostname           TEXT NOT NULL,
    challenger_id      TEXT NOT NULL REFERENCES domains (id),
    challenger_account TEXT NOT NULL,
    holder_id          TEXT NOT NULL REFERENCES domains (id),
    holder_account     TEXT NOT NULL,
    method             TEXT NOT NULL,
    state              TEXT NOT NULL,
    opened_at          INTEGER NOT NULL,
    ends_at            INTEGER NOT NULL,
    asked_at           INTEGER NOT NULL,
    missing_at         INTEGER NOT NULL,
    settled_at         INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX contests_open ON contests (hostname) WHERE state = 'open';
CREATE INDEX contests_due ON contests (ends_at) WHERE state = 'open';
CREATE INDEX contests_name ON contests (hostname, opened_at);

-- A domain that its account offers to another one. to_account is empty where
-- nobody is called as to_text says, which nobody is told.
CREATE TABLE transfers (
    id           TEXT PRIMARY KEY,
    domain_id    TEXT NOT NULL REFERENCES domains (id),
    from_account TEXT NOT NULL REFERENCES accounts (id),
    to_account   TEXT NOT NULL,
    to_text      TEXT NOT NULL,
    hostname     TEXT NOT NULL,
    generation   INTEGER NOT NULL,
    proved_at    INTEGER NOT NULL,
    state        TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    ended_at     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX transfers_open ON transfers (domain_id) WHERE state = 'open';
CREATE INDEX transfers_offered ON transfers (to_account, hostname) WHERE state = 'open';
CREATE INDEX transfers_to ON transfers (to_account, created_at, id);
CREATE INDEX transfers_from ON transfers (from_account, created_at, id);

-- What was seen of the registrations of proved domains, so that a change of
-- owner shows. seen holds no contact data.
CREATE TABLE registrations (
    name          TEXT PRIMARY KEY,
    added_at      INTEGER NOT NULL,
    due_at        INTEGER NOT NULL,
    asked_at      INTEGER NOT NULL,
    answered_at   INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    fails         INTEGER NOT NULL,
    seen          TEXT NOT NULL,
    freeze_reason TEXT NOT NULL,
    freeze_at     INTEGER NOT NULL,
    freeze_after  TEXT NOT NULL
) STRICT;
CREATE INDEX registrations_due ON registrations (due_at);
INSERT INTO registrations (name, added_at, due_at, asked_at, answered_at, changed_at, fails, seen, freeze_reason, freeze_at, freeze_after)
    SELECT registrable, min(attempts.created_at), 1, 0, 0, 0, 0, '', '', 0, '' FROM domains JOIN attempts ON attempts.id = domains.last_attempt_id
    WHERE deleted_at = 0 AND domains.state IN ('verified', 'at_risk') GROUP BY registrable;

-- +goose Down
DROP TABLE registrations;
DROP TABLE transfers;
DROP TABLE contests;
