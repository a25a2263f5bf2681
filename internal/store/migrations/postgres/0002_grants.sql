-- +goose Up
-- What a proof rests on for which nothing was placed: the id of a domain, a
-- policy, a delegation or a connection, or a mail address.
ALTER TABLE domains ADD COLUMN proof_source TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX domains_source ON domains (proof_source) WHERE deleted_at = 0 AND proof_source <> '';
-- The hostname with its characters in reverse order: what is below a name
-- stands together.
ALTER TABLE domains ADD COLUMN hostname_reversed TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE domains SET hostname_reversed = reverse(hostname);
CREATE INDEX domains_below ON domains (hostname_reversed) WHERE deleted_at = 0;

CREATE TABLE policies (
    id            TEXT COLLATE "C" PRIMARY KEY,
    method        TEXT COLLATE "C" NOT NULL,
    pattern       TEXT COLLATE "C" NOT NULL,
    base          TEXT COLLATE "C" NOT NULL,
    account_id    TEXT COLLATE "C" NOT NULL,
    actor         TEXT COLLATE "C" NOT NULL,
    reason        TEXT COLLATE "C" NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    revoked_at    BIGINT NOT NULL,
    revoked_by    TEXT COLLATE "C" NOT NULL,
    revoke_reason TEXT COLLATE "C" NOT NULL
);
CREATE INDEX policies_base ON policies (base, account_id);
CREATE INDEX policies_created ON policies (created_at, id);

CREATE TABLE delegations (
    id            TEXT COLLATE "C" PRIMARY KEY,
    domain_id     TEXT COLLATE "C" NOT NULL REFERENCES domains (id),
    from_account  TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    to_account    TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    hostname      TEXT COLLATE "C" NOT NULL,
    reason        TEXT COLLATE "C" NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    revoked_at    BIGINT NOT NULL,
    revoke_reason TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX delegations_live ON delegations (domain_id, to_account, hostname) WHERE revoked_at = 0;
CREATE INDEX delegations_to ON delegations (to_account, hostname);
CREATE INDEX delegations_from ON delegations (from_account, created_at, id);

-- Claims that are still to be looked at again, after something that may prove
-- them appeared.
CREATE TABLE looks (
    id         TEXT COLLATE "C" PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL,
    hostname   TEXT COLLATE "C" NOT NULL,
    reach      TEXT COLLATE "C" NOT NULL,
    after_id   TEXT COLLATE "C" NOT NULL
);

-- +goose Down
DROP TABLE looks;
DROP TABLE delegations;
DROP TABLE policies;
DROP INDEX domains_below;
DROP INDEX domains_source;
ALTER TABLE domains DROP COLUMN hostname_reversed;
ALTER TABLE domains DROP COLUMN proof_source;
