-- +goose Up
-- What a proof rests on for which nothing was placed: the id of a domain, a
-- policy, a delegation or a connection, or a mail address.
ALTER TABLE domains ADD COLUMN proof_source TEXT NOT NULL DEFAULT '';
CREATE INDEX domains_source ON domains (proof_source) WHERE deleted_at = 0 AND proof_source <> '';
-- The hostname with its characters in reverse order: what is below a name
-- stands together.
ALTER TABLE domains ADD COLUMN hostname_reversed TEXT NOT NULL DEFAULT '';
UPDATE domains SET hostname_reversed = (
    WITH RECURSIVE turned (rest, done) AS (
        VALUES (hostname, '')
        UNION ALL
        SELECT substr(rest, 2), substr(rest, 1, 1) || done FROM turned WHERE rest <> ''
    )
    SELECT done FROM turned WHERE rest = ''
);
CREATE INDEX domains_below ON domains (hostname_reversed) WHERE deleted_at = 0;

CREATE TABLE policies (
    id            TEXT PRIMARY KEY,
    method        TEXT NOT NULL,
    pattern       TEXT NOT NULL,
    base          TEXT NOT NULL,
    account_id    TEXT NOT NULL,
    actor         TEXT NOT NULL,
    reason        TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    revoked_at    INTEGER NOT NULL,
    revoked_by    TEXT NOT NULL,
    revoke_reason TEXT NOT NULL
) STRICT;
CREATE INDEX policies_base ON policies (base, account_id);
CREATE INDEX policies_created ON policies (created_at, id);

CREATE TABLE delegations (
    id            TEXT PRIMARY KEY,
    domain_id     TEXT NOT NULL REFERENCES domains (id),
    from_account  TEXT NOT NULL REFERENCES accounts (id),
    to_account    TEXT NOT NULL REFERENCES accounts (id),
    hostname      TEXT NOT NULL,
    reason        TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    revoked_at    INTEGER NOT NULL,
    revoke_reason TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX delegations_live ON delegations (domain_id, to_account, hostname) WHERE revoked_at = 0;
CREATE INDEX delegations_to ON delegations (to_account, hostname);
CREATE INDEX delegations_from ON delegations (from_account, created_at, id);

-- Claims that are still to be looked at again, after something that may prove
-- them appeared.
CREATE TABLE looks (
    id         TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    hostname   TEXT NOT NULL,
    reach      TEXT NOT NULL,
    after_id   TEXT NOT NULL
) STRICT;

-- +goose Down
DROP TABLE looks;
DROP TABLE delegations;
DROP TABLE policies;
DROP INDEX domains_below;
DROP INDEX domains_source;
ALTER TABLE domains DROP COLUMN hostname_reversed;
ALTER TABLE domains DROP COLUMN proof_source;
