package httpapi

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold/api"
)

func humaConfig(version string) huma.Config {
	cfg := huma.DefaultConfig("Zonehold", version)
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", ""
	cfg.CreateHooks = nil
	cfg.Info.Description = "Proves who controls a domain, and says exactly why a proof fails. " +
		"What is not set is null; times are RFC 3339 in UTC; unknown fields are refused in requests and must be ignored in replies. " +
		"Every reply carries X-Request-Id and Zonehold-Version; replies to a token carry RateLimit-Policy and RateLimit. " +
		"POST takes an Idempotency-Key, good for 24 hours, unless a call says otherwise."
	cfg.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	cfg.Servers = []*huma.Server{{URL: "/"}}
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "A token of this service, zhp_…"},
	}
	cfg.Tags = []*huma.Tag{
		{Name: "Domains", Description: "Claims on hostnames and their proofs"},
		{Name: "Attempts", Description: "Checks of a proof"},
		{Name: "Problems", Description: "Why a proof fails"},
		{Name: "Claims", Description: "Names that several accounts have to do with, and their owners"},
		{Name: "Breakers", Description: "What holds back verdicts because too much went missing at once"},
		{Name: "Delegations", Description: "Rights that accounts give to each other"},
		{Name: "Connections", Description: "Accounts at DNS providers"},
		{Name: "Mailboxes", Description: "Mail addresses, and codes mailed to the fixed mailboxes of a domain"},
		{Name: "Policies", Description: "Acts of the operator that stand in for a proof"},
		{Name: "Events", Description: "What happened"},
		{Name: "Notices", Description: "Mail about what changes"},
		{Name: "Audit", Description: "Who did what"},
		{Name: "Account", Description: "Tokens and the account itself"},
	}
	return cfg
}

// documentErrors lists the statuses of refusals.
func documentErrors(op *huma.Operation, h huma.API, statuses []int) {
	schema := h.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[api.Error](), true, "Error")
	slices.Sort(statuses)
	for _, status := range slices.Compact(statuses) {
		op.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
		}
	}
}

// nullable lists the types whose pointers to objects may be null on the wire,
// which huma cannot say by itself.
var nullable = []reflect.Type{
	reflect.TypeFor[api.Domain](), reflect.TypeFor[api.Challenge](), reflect.TypeFor[api.Attempt](), reflect.TypeFor[api.Perspectives](),
}

// inputs are the types of request bodies, whose unknown fields are refused.
// Replies may get more fields in any release, so their schemas stay open.
var inputs = map[string]bool{
	reflect.TypeFor[api.CreateWebhook]().Name(): true, reflect.TypeFor[api.WebhookPatch]().Name(): true, reflect.TypeFor[api.ReplayWebhook]().Name(): true,
	reflect.TypeFor[api.CreateDomain]().Name(): true, reflect.TypeFor[api.DomainPatch]().Name(): true,
	reflect.TypeFor[api.StartAttempt]().Name(): true, reflect.TypeFor[api.CreateToken]().Name(): true,
	reflect.TypeFor[api.CreateTransfer]().Name(): true, reflect.TypeFor[api.SetNotices]().Name(): true,
	reflect.TypeFor[api.ResetBreaker]().Name(): true, reflect.TypeFor[api.HoldBreaker]().Name(): true,
	reflect.TypeFor[api.CreatePolicy]().Name(): true, reflect.TypeFor[api.CreateDelegation]().Name(): true,
	reflect.TypeFor[api.CreateConnection]().Name(): true, reflect.TypeFor[api.CreateMailbox]().Name(): true,
	reflect.TypeFor[api.Code]().Name(): true, reflect.TypeFor[api.SendMailCode]().Name(): true,
}

// finish completes the document that huma made and renders it.
func finish(doc *huma.OpenAPI) []byte {
	schemas := doc.Components.Schemas.Map()
	for name, s := range schemas {
		if !inputs[name] {
			s.AdditionalProperties = nil
		}
	}
	for _, item := range doc.Paths {
		if item.Patch != nil { // huma offers the raw body, which we also read, as a second form
			delete(item.Patch.RequestBody.Content, "application/octet-stream")
		}
	}
	for _, t := range nullable {
		s := schemas[t.Name()]
		if s == nil {
			continue // of calls that are not there
		}
		for i := range t.NumField() {
			f := t.Field(i)
			name := f.Tag.Get("json")
			if f.Type.Kind() != reflect.Pointer || f.Type.Elem().Kind() != reflect.Struct || s.Properties[name] == nil || s.Properties[name].Ref == "" {
				continue
			}
			old := s.Properties[name]
			s.Properties[name] = &huma.Schema{
				Description: old.Description,
				AnyOf:       []*huma.Schema{{Ref: old.Ref}, {Type: "null"}},
			}
		}
	}
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic(err) // a mistake in the registrations, seen by every test
	}
	return append(out, '\n')
}
