-- +goose Up
-- A fresh proof of a name that another account has proved, where only one may.
CREATE TABLE contests (
    id                 TEXT COLLATE "C" PRIMARY KEY,
    hostname           TEXT COLLATE "C" NOT NULL,
    challenger_id      TEXT COLLATE "C" NOT NULL REFERENCES domains (id),
    challenger_account TEXT COLLATE "C" NOT NULL,
    holder_id          TEXT COLLATE "C" NOT NULL REFERENCES domains (id),
    holder_account     TEXT COLLATE "C" NOT NULL,
    method             TEXT COLLATE "C" NOT NULL,
    state              TEXT COLLATE "C" NOT NULL,
    opened_at          BIGINT NOT NULL,
    ends_at            BIGINT NOT NULL,
    asked_at           BIGINT NOT NULL,
    missing_at         BIGINT NOT NULL,
    settled_at         BIGINT NOT NULL
);
CREATE UNIQUE INDEX contests_open ON contests (hostname) WHERE state = 'open';
CREATE INDEX contests_due ON contests (ends_at) WHERE state = 'open';
CREATE INDEX contests_name ON contests (hostname, opened_at);

-- A domain that its account offers to another one. to_account is empty where
-- nobody is called as to_text says, which nobody is told.
CREATE TABLE transfers (
    id           TEXT COLLATE "C" PRIMARY KEY,
    domain_id    TEXT COLLATE "C" NOT NULL REFERENCES domains (id),
    from_account TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    to_account   TEXT COLLATE "C" NOT NULL,
    to_text      TEXT COLLATE "C" NOT NULL,
    hostname     TEXT COLLATE "C" NOT NULL,
    generation   BIGINT NOT NULL,
    proved_at    BIGINT NOT NULL,
    state        TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    ended_at     BIGINT NOT NULL
);
CREATE UNIQUE INDEX transfers_open ON transfers (domain_id) WHERE state = 'open';
CREATE INDEX transfers_offered ON transfers (to_account, hostname) WHERE state = 'open';
CREATE INDEX transfers_to ON transfers (to_account, created_at, id);
CREATE INDEX transfers_from ON transfers (from_account, created_at, id);

-- What was seen of the registrations of proved domains, so that a change of
-- owner shows. seen holds no contact data.
CREATE TABLE registrations (
    name          TEXT COLLATE "C" PRIMARY KEY,
    added_at      BIGINT NOT NULL,
    due_at        BIGINT NOT NULL,
    asked_at      BIGINT NOT NULL,
    answered_at   BIGINT NOT NULL,
    changed_at    BIGINT NOT NULL,
    fails         BIGINT NOT NULL,
    seen          TEXT COLLATE "C" NOT NULL,
    freeze_reason TEXT COLLATE "C" NOT NULL,
    freeze_at     BIGINT NOT NULL,
    freeze_after  TEXT COLLATE "C" NOT NULL
);
CREATE INDEX registrations_due ON registrations (due_at);
INSERT INTO registrations (name, added_at, due_at, asked_at, answered_at, changed_at, fails, seen, freeze_reason, freeze_at, freeze_after)
    SELECT registrable, min(attempts.created_at), 1, 0, 0, 0, 0, '', '', 0, '' FROM domains JOIN attempts ON attempts.id = domains.last_attempt_id
    WHERE deleted_at = 0 AND domains.state IN ('verified', 'at_risk') GROUP BY registrable;

-- +goose Down
DROP TABLE registrations;
DROP TABLE transfers;
DROP TABLE contests;
