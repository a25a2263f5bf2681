package main

import (
	"slices"
	"testing"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/app"
)

// The codes are a contract (docs/cli.md).
func TestExitCodeOfARefusal(t *testing.T) {
	invalid := func(code string) []api.FieldError {
		return []api.FieldError{{Pointer: "#/account", Code: code, Detail: "There is no such account."}}
	}
	for name, tt := range map[string]struct {
		in   client.Error
		want int
	}{
		"malformed":                {client.Error{Status: 400, Code: "malformed_json"}, exitUsage},
		"no token":                 {client.Error{Status: 401, Code: "unauthenticated"}, exitDenied},
		"no scope":                 {client.Error{Status: 403, Code: "scope_missing"}, exitDenied},
		"not there":                {client.Error{Status: 404, Code: "not_found"}, exitNotFound},
		"check running":            {client.Error{Status: 409, Code: "check_running"}, exitConflict},
		"changed":                  {client.Error{Status: 412, Code: "precondition_failed"}, exitConflict},
		"field":                    {client.Error{Status: 422, Code: "validation_failed", Errors: invalid("invalid_value")}, exitUsage},
		"field names nothing":      {client.Error{Status: 422, Code: "validation_failed", Errors: invalid("not_found")}, exitNotFound},
		"no name for a claim":      {client.Error{Status: 422, Code: "hostname_invalid"}, exitUsage},
		"wrong code":               {client.Error{Status: 422, Code: "mail_code_wrong"}, exitNo},
		"credentials":              {client.Error{Status: 422, Code: "provider_token_rejected"}, exitNo},
		"provider out of reach":    {client.Error{Status: 503, Code: "provider_unavailable", Problem: &api.Problem{}}, exitPartial},
		"too many":                 {client.Error{Status: 429, Code: "rate_limited"}, exitRateLimited},
		"starting":                 {client.Error{Status: 503, Code: "unavailable"}, exitUnreachable},
		"there, but mail is off":   {client.Error{Status: 503, Code: "mail_off", Problem: &api.Problem{}}, exitPartial},
		"a mistake of the server":  {client.Error{Status: 500, Code: "internal"}, exitError_},
		"a status that nobody has": {client.Error{Status: 418, Code: "teapot"}, exitError_},
	} {
		if got := classifyAPI(&tt.in); got.code != tt.want {
			t.Errorf("%s: %d, want %d", name, got.code, tt.want)
		}
	}
}

// A pointer into a body says little to somebody who typed a flag, and nothing
// is said twice.
func TestFieldAtFaultForPeople(t *testing.T) {
	got := classifyAPI(&client.Error{Status: 422, Code: "validation_failed", Detail: "#/mailbox: Must be one of a, b.",
		Errors: []api.FieldError{{Pointer: "#/mailbox", Code: "invalid_value", Detail: "Must be one of a, b."}}})
	if got.message != "mailbox: Must be one of a, b." || len(got.hints) != 0 {
		t.Errorf("%q %q", got.message, got.hints)
	}
	got = classifyUse(&app.Error{Kind: app.KindInvalid, Field: "account", Missing: true, Message: "There is no such account."})
	if got.code != exitNotFound || !slices.Equal(got.hints, []string{"those there are: zonehold account list"}) {
		t.Errorf("%d %q", got.code, got.hints)
	}
}
