package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
)

// Pages are the parameters of every list. Embedded inputs are exported because
// huma sees no others.
type Pages struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"items per page"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
}

func (p Pages) check() error {
	if len(p.Cursor) > maxCursor {
		return badParameter("cursor", "This cursor was not given by this list.")
	}
	return nil
}

// DomainRef is the path of a domain.
type DomainRef struct {
	Ref string `path:"ref" doc:"id of the domain, or its hostname" example:"example.com"`
}

// check refuses what is too long to be a name without asking anybody.
func (d DomainRef) check() error {
	if len(d.Ref) > maxReference {
		return fault(codeNotFound, "The path is too long to be that of a domain.")
	}
	return nil
}

// Condition is what must still hold.
type Condition struct {
	IfMatch []string `header:"If-Match" doc:"ETag that the domain must still have"`
}

func (s *server) domainCalls(h huma.API) {
	register(s, h, call{
		id: "create-domain", method: http.MethodPost, path: "/v1/domains", tag: "Domains", summary: "Claim a domain",
		doc:     "Claims a hostname for the account. A hostname that the account already has is returned with 200.",
		rules:   rules{scope: zonehold.ScopeDomainsWrite, bucket: writes},
		replies: map[int]any{200: api.Domain{}, 201: api.Domain{}}, versioned: true, located: true,
		errors: []int{408, 409, 413, 415, 422},
	}, s.createDomain)
	register(s, h, call{
		id: "list-domains", method: http.MethodGet, path: "/v1/domains", tag: "Domains", summary: "List domains",
		rules: rules{scope: zonehold.ScopeDomainsRead, bucket: reads}, replies: map[int]any{200: api.Page[api.Domain]{}},
	}, s.listDomains)
	register(s, h, call{
		id: "get-domain", method: http.MethodGet, path: "/v1/domains/{ref}", tag: "Domains", summary: "Show a domain",
		doc:     "What is true now, what to place, and why the last check said no. Polling is cheap with If-None-Match.",
		rules:   rules{scope: zonehold.ScopeDomainsRead, bucket: reads, fast: s.fastDomain},
		replies: map[int]any{200: api.Domain{}, 304: nil}, errors: []int{404},
	}, s.getDomain)
	register(s, h, call{
		id: "update-domain", method: http.MethodPatch, path: "/v1/domains/{ref}", tag: "Domains", summary: "Change a domain",
		doc:     "Changes the fields that are given; null clears one.",
		rules:   rules{scope: zonehold.ScopeDomainsWrite, bucket: writes},
		replies: map[int]any{200: api.Domain{}}, versioned: true, errors: []int{404, 408, 409, 412, 413, 415, 422},
	}, s.updateDomain)
	register(s, h, call{
		id: "delete-domain", method: http.MethodDelete, path: "/v1/domains/{ref}", tag: "Domains", summary: "Give a domain up",
		doc:     "The tokens end for good: a later claim of the same name gets new ones.",
		rules:   rules{scope: zonehold.ScopeDomainsWrite, bucket: writes},
		replies: map[int]any{204: nil}, errors: []int{404, 412},
	}, s.deleteDomain)
}

func domainReply(d *app.Domain) reply {
	return reply{body: toDomain(d), version: d.Version, tagged: true}
}

func (s *server) createDomain(ctx context.Context, in *struct{ Body api.CreateDomain }) (reply, error) {
	d, created, err := s.Service.CreateDomain(ctx, actorOf(ctx), app.CreateDomain{
		Hostname: in.Body.Hostname, Scheme: in.Body.Scheme, Port: in.Body.Port, Profile: zonehold.ProfileName(in.Body.Profile),
	})
	if err != nil {
		return reply{}, err
	}
	rep := domainReply(d)
	rep.location = "/v1/domains/" + d.ID
	if created {
		rep.status = http.StatusCreated
	}
	return rep, nil
}

type listDomainsInput struct {
	Pages
	State   string `query:"state" enum:"pending,verified,at_risk,lapsed"`
	Method  string `query:"method" doc:"the method that proved it"`
	Profile string `query:"profile" enum:"zonehold,yandex,probely"`
	Q       string `query:"q" maxLength:"255" doc:"part of the hostname"`
	Sort    string `query:"sort" enum:"hostname,created_at,-created_at,state_since,-state_since" default:"hostname"`
}

func (s *server) listDomains(ctx context.Context, in *listDomainsInput) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	method, err := optionalMethod(in.Method)
	if err != nil {
		return reply{}, badParameter("method", "This is not a method, such as dns_txt.")
	}
	page, err := s.Service.Domains(ctx, actorOf(ctx), app.DomainQuery{
		State: zonehold.DomainState(in.State), Method: method, Profile: zonehold.ProfileName(in.Profile),
		Text: in.Q, Sort: in.Sort, Limit: in.Limit, Cursor: in.Cursor,
	})
	if err != nil {
		return reply{}, err
	}
	return reply{body: toPage(page, toDomain)}, nil
}

func (s *server) getDomain(ctx context.Context, in *DomainRef) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	d, err := s.Service.Domain(ctx, actorOf(ctx), in.Ref)
	if err != nil {
		return reply{}, err
	}
	return domainReply(d), nil
}

type updateDomainInput struct {
	DomainRef
	Condition
	Body    api.DomainPatch
	RawBody []byte
}

func (s *server) updateDomain(ctx context.Context, in *updateDomainInput) (reply, error) {
	version, err := s.expected(ctx, in.DomainRef, in.IfMatch)
	if err != nil {
		return reply{}, err
	}
	p := app.DomainPatch{
		DiscoveryEnabled: in.Body.DiscoveryEnabled, BasicAuthUsername: in.Body.BasicAuthUsername,
		BasicAuthPassword: in.Body.BasicAuthPassword, Port: in.Body.Port, Tags: in.Body.Tags,
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(in.RawBody, &given); err != nil {
		return reply{}, fault(codeMalformedJSON, "")
	}
	for name, v := range given { // null clears (RFC 7396)
		if !bytes.Equal(bytes.TrimSpace(v), []byte("null")) {
			continue
		}
		switch name {
		case "basic_auth_username":
			p.BasicAuthUsername = new(string)
		case "basic_auth_password":
			p.BasicAuthPassword = new(string)
		case "port":
			p.Port = new(int)
		case "tags":
			p.Tags = &[]string{}
		default:
			e := fault(codeInvalid, "The field "+clip(name)+" cannot be null.")
			e.Errors = append(e.Errors, api.FieldError{Pointer: pointer(name), Code: "wrong_type", Detail: "Must not be null."})
			return reply{}, e
		}
	}
	d, err := s.Service.UpdateDomain(ctx, actorOf(ctx), in.Ref, p, version)
	if err != nil {
		return reply{}, err
	}
	return domainReply(d), nil
}

type deleteDomainInput struct {
	DomainRef
	Condition
}

func (s *server) deleteDomain(ctx context.Context, in *deleteDomainInput) (reply, error) {
	version, err := s.expected(ctx, in.DomainRef, in.IfMatch)
	if err != nil {
		return reply{}, err
	}
	if err := s.Service.DeleteDomain(ctx, actorOf(ctx), in.Ref, version); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent}, nil
}

// expected turns If-Match into the version that the use case demands; 0: any.
func (s *server) expected(ctx context.Context, ref DomainRef, header []string) (int64, error) {
	if err := ref.check(); err != nil {
		return 0, err
	}
	list, err := versions(header)
	if err != nil || list == nil {
		return 0, err
	}
	if len(list) == 1 {
		return list[0], nil
	}
	d, err := s.Service.Domain(ctx, actorOf(ctx), ref.Ref)
	if err != nil {
		return 0, err
	}
	if slices.Contains(list, d.Version) {
		return d.Version, nil
	}
	return 0, fault(codePrecondition, "")
}

// optionalMethod reads a method; dns is an alias of dns_txt on input.
func optionalMethod(name string) (zonehold.Method, error) {
	if name == "" {
		return "", nil
	}
	return zonehold.ParseMethod(name)
}
