package api

import (
	"encoding/json"
	"time"
)

// AuditEntry says who did what to what.
type AuditEntry struct {
	ID        string          `json:"id" doc:"aud_…" example:"aud_06c4b1q2v8h3k5n7p9r1s3t5u0"`
	At        time.Time       `json:"at"`
	AccountID *string         `json:"account_id" doc:"in whose log it stands; null: the service's own"`
	By        string          `json:"by" doc:"token, command_line (on the server's own data) or system"`
	TokenID   *string         `json:"token_id"`
	TokenName *string         `json:"token_name" doc:"as it was then"`
	Action    string          `json:"action" example:"domain.create"`
	Target    *string         `json:"target" doc:"id of what it was done to"`
	Name      *string         `json:"name" doc:"name of the target, as it was then"`
	Detail    json.RawMessage `json:"detail" doc:"an object; null: there is nothing more to say. Never holds secrets"`
	RequestID *string         `json:"request_id" doc:"as in X-Request-Id of the reply"`
	Address   *string         `json:"address" doc:"network address that the request came from, or user and machine of a command"`
}
