-- +goose Up
-- What every view of a domain and every check asks of an account.
CREATE INDEX domains_proved ON domains (account_id, hostname) WHERE deleted_at = 0 AND state IN ('verified', 'at_risk');
CREATE INDEX policies_account ON policies (account_id);
CREATE INDEX mail_codes_used ON mail_codes (domain_id, generation, used_at) WHERE used_at > 0;
DROP INDEX mailboxes_domain;
CREATE INDEX mailboxes_domain ON mailboxes (domain, account_id) WHERE confirmed_at > 0;
-- The names of one account below a name.
CREATE INDEX domains_account_below ON domains (account_id, hostname_reversed) WHERE deleted_at = 0;
-- Delegations received, newest first.
CREATE INDEX delegations_to_created ON delegations (to_account, created_at, id);

-- +goose Down
DROP INDEX delegations_to_created;
DROP INDEX domains_account_below;
DROP INDEX mailboxes_domain;
CREATE INDEX mailboxes_domain ON mailboxes (domain) WHERE confirmed_at > 0;
DROP INDEX mail_codes_used;
DROP INDEX policies_account;
DROP INDEX domains_proved;
