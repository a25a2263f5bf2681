// Package cloudflare looks at the zones of accounts at Cloudflare, through
// version 4 of its API.
//
// A token of a user needs one permission, on the zones in question, and should
// have no others:
//
//	Zone:Read
//
// Finding the names of a zone, where somebody wants that, needs DNS:Read
// besides.
package cloudflare

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
)

// DefaultEndpoint is the base URL of Cloudflare's API.
const DefaultEndpoint = "https://api.cloudflare.com/client/v4"

const (
	// total is for all requests of one call together.
	total = 10 * time.Second

	pageSize   = 50 // zones; the most that Cloudflare gives
	maxPages   = 4  // of one name
	maxNames   = 32
	maxServers = 32
)

// Doer makes HTTP requests, as a *http.Client does.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Config of a Provider.
type Config struct {
	// HTTP makes the requests: a client of web.NewAPIClient, so that the guard
	// and the limits apply.
	HTTP Doer
	// Endpoint is the base URL of the API; "": DefaultEndpoint.
	Endpoint string
}

// Provider opens accounts.
type Provider struct {
	http Doer
	base string
}

// New returns a provider. It contacts nobody.
func New(cfg Config) *Provider {
	if cfg.Endpoint == "" {
		cfg.Endpoint = DefaultEndpoint
	}
	return &Provider{http: cfg.HTTP, base: strings.TrimRight(cfg.Endpoint, "/")}
}

// APIToken is the name of the one credential.
const APIToken = "api_token"

// Account is what one API token shows of Cloudflare. It is safe for concurrent
// use.
type Account struct {
	id, name string
	p        *Provider
	token    string
}

// Open makes an account, under an id and a name of ours, of its credential:
// api_token. It contacts nobody; see Test.
//
// The error is zonehold.ErrProviderCredentials, wrapped with what is wrong
// with the shape of the token; it never repeats it.
func (p *Provider) Open(id, name string, creds map[string]string) (*Account, error) {
	token := strings.TrimSpace(creds[APIToken])
	switch {
	case len(creds) > 1, len(creds) == 1 && creds[APIToken] == "":
		return nil, fmt.Errorf("%w: the one that is needed is %s", zonehold.ErrProviderCredentials, APIToken)
	case token == "":
		return nil, fmt.Errorf("%w: there is no %s", zonehold.ErrProviderCredentials, APIToken)
	case len(token) < 4, len(token) > 256, strings.Trim(token, tokenChars) != "":
		return nil, fmt.Errorf("%w: the form of %s is not right", zonehold.ErrProviderCredentials, APIToken)
	}
	return &Account{id: id, name: name, p: p, token: token}, nil
}

const tokenChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."

// Test asks whether a token is good for what Account.Zones does. The hint is
// the end of the token's id, which is no secret; it is empty for a token of an
// account, whose id Cloudflare does not tell. Errors are those of Open and
// Zones.
func (p *Provider) Test(ctx context.Context, creds map[string]string) (hint string, err error) {
	a, err := p.Open("", "", creds)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, total)
	defer cancel()
	// A token of an account is unknown here and works nevertheless, so only
	// the word that a token is no longer good counts.
	var token struct{ ID, Status string }
	if _, err := a.get(ctx, "/user/tokens/verify", nil, &token); err == nil {
		switch token.Status {
		case "disabled":
			return "", fmt.Errorf("%w: the token is disabled", zonehold.ErrProviderCredentials)
		case "expired":
			return "", fmt.Errorf("%w: the token has expired", zonehold.ErrProviderCredentials)
		}
		if id := plain(token.ID); len(id) > 8 {
			hint = id[len(id)-4:]
		}
	}
	var zones []zone
	if _, err := a.get(ctx, "/zones", url.Values{"per_page": {"5"}}, &zones); err != nil {
		return "", err
	}
	return hint, nil
}

// ID is the one that Open was given.
func (a *Account) ID() string { return a.id }

// Name is the one that Open was given.
func (a *Account) Name() string { return a.name }

// Provider is what this is an account at.
func (*Account) Provider() zonehold.Method { return zonehold.MethodCloudflare }

// Zones lists the zones of exactly these names that the token shows, pending
// and partial ones too. It asks for at most ten seconds.
//
// A zone is active if Cloudflare says so and serves it in full: of a partial
// one (CNAME set-up) the world asks other servers, so it has no name servers
// here. A paused zone is served as before. The name servers that Cloudflare
// remembers from before a zone was moved there are not looked at.
//
// Errors are zonehold.ErrProviderCredentials or
// zonehold.ErrProviderUnavailable, wrapped with the reason.
func (a *Account) Zones(ctx context.Context, names []string) ([]zonehold.HostedZone, error) {
	if len(names) > maxNames {
		return nil, fmt.Errorf("%w: %d names are too many to ask for", zonehold.ErrProviderUnavailable, len(names))
	}
	ctx, cancel := context.WithTimeout(ctx, total)
	defer cancel()
	var zones []zonehold.HostedZone
	for _, name := range names {
		found, err := a.named(ctx, name)
		if err != nil {
			return nil, err
		}
		zones = append(zones, found...)
	}
	return zones, nil
}

// zone is what we read of Cloudflare's zone.
type zone struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Status      string   `json:"status"`
	Paused      bool     `json:"paused"`
	Type        string   `json:"type"`
	NameServers []string `json:"name_servers"`
}

// named goes through all pages of zones with one name.
func (a *Account) named(ctx context.Context, name string) ([]zonehold.HostedZone, error) {
	var out []zonehold.HostedZone
	for page := 1; page <= maxPages; page++ {
		var zones []zone
		pages, err := a.get(ctx, "/zones", url.Values{
			"name": {name}, "per_page": {strconv.Itoa(pageSize)}, "page": {strconv.Itoa(page)},
		}, &zones)
		if err != nil {
			return nil, err
		}
		for _, z := range zones {
			h, err := z.hosted()
			if err != nil {
				return nil, err
			}
			if h.Name == name {
				out = append(out, h)
			}
		}
		if page >= pages {
			return out, nil
		}
	}
	return nil, fmt.Errorf("%w: more than %d zones of one name", zonehold.ErrProviderUnavailable, maxPages*pageSize)
}

func (z zone) hosted() (zonehold.HostedZone, error) {
	if len(z.NameServers) > maxServers {
		return zonehold.HostedZone{}, fmt.Errorf("%w: a zone with %d name servers", zonehold.ErrProviderUnavailable, len(z.NameServers))
	}
	out := zonehold.HostedZone{
		ID: plain(z.ID), Name: domainName(z.Name), Status: plain(z.Status),
		Active: z.Status == "active", Private: z.Type == "internal",
	}
	if z.Paused {
		out.Status += ", paused"
	}
	if z.Type == "partial" {
		out.Active, out.Status = false, "partial (CNAME set-up)"
		return out, nil
	}
	for _, s := range z.NameServers {
		out.NameServers = append(out.NameServers, domainName(s))
	}
	return out, nil
}

// domainName is a name as we compare it: lower case, no final dot, A-labels.
func domainName(s string) string {
	if h, err := zonehold.ParseHostname(s); err == nil {
		return string(h)
	}
	return strings.ToLower(strings.TrimSuffix(s, "."))
}

// plain is a word of Cloudflare's if it is one, so that it can be shown.
func plain(s string) string {
	if len(s) > 64 || strings.Trim(s, tokenChars) != "" || slices.Contains([]string{".", ".."}, s) {
		return "unknown"
	}
	return s
}
