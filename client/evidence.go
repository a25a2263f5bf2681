package client

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/zonehold/zonehold/api"
)

// EvidenceQuery selects checks of a domain by when they were made.
type EvidenceQuery struct {
	From, To time.Time // To is not in it; zero: no bound
	Limit    int       // 1..100; 0: the server's default
	Cursor   string    // next of the bundle before
}

// DomainEvidence gives a signed bundle of a domain's checks, byte for byte as
// the server made it.
func (c *Client) DomainEvidence(ctx context.Context, ref string, q EvidenceQuery) (json.RawMessage, error) {
	v := listing(false, q.Limit, map[string]string{"cursor": q.Cursor})
	for name, at := range map[string]time.Time{"from": q.From, "to": q.To} {
		if !at.IsZero() {
			v.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	var file json.RawMessage
	_, err := c.call(ctx, http.MethodGet, "/v1/domains/"+segment(ref)+"/evidence", v, nil, &file)
	return file, err
}

// EvidenceChain gives a signed bundle of the account's chain, from the link
// after that number on.
func (c *Client) EvidenceChain(ctx context.Context, after int64, limit int) (json.RawMessage, error) {
	v := listing(false, limit, nil)
	if after > 0 {
		v.Set("after", strconv.FormatInt(after, 10))
	}
	var file json.RawMessage
	_, err := c.call(ctx, http.MethodGet, "/v1/evidence/chain", v, nil, &file)
	return file, err
}

// DomainToken makes a verification token.
func (c *Client) DomainToken(ctx context.Context, ref string, in api.CreateDomainToken) (*api.DomainToken, error) {
	var t api.DomainToken
	if _, err := c.call(ctx, http.MethodPost, "/v1/domains/"+segment(ref)+"/token", nil, in, &t); err != nil {
		return nil, err
	}
	return &t, nil
}

// JWKS gives the server's public keys.
func (c *Client) JWKS(ctx context.Context) (*api.JWKS, error) {
	var set api.JWKS
	if _, err := c.call(ctx, http.MethodGet, "/v1/jwks", nil, nil, &set); err != nil {
		return nil, err
	}
	return &set, nil
}
