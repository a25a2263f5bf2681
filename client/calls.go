package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/zonehold/zonehold/api"
)

// DomainFilter selects domains; zero fields select everything.
type DomainFilter struct {
	State, Method, Text string
	Sort                string // e.g. "hostname" or "-created_at"
	Limit               int    // per page; 0: the server's default
	Cursor              string
}

func (f DomainFilter) query() url.Values {
	q := url.Values{}
	for name, v := range map[string]string{"state": f.State, "method": f.Method, "q": f.Text, "sort": f.Sort, "cursor": f.Cursor} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return q
}

func domainPath(ref string) string { return "/v1/domains/" + url.PathEscape(ref) }

// CreateDomain claims a hostname; false when the account already had it.
func (c *Client) CreateDomain(ctx context.Context, in api.CreateDomain) (*api.Domain, bool, error) {
	var d api.Domain
	resp, err := c.call(ctx, request{method: http.MethodPost, path: "/v1/domains", body: in}, &d)
	if err != nil {
		return nil, false, err
	}
	return &d, resp.StatusCode == http.StatusCreated, nil
}

// Domain finds a domain by id or hostname.
func (c *Client) Domain(ctx context.Context, ref string) (*api.Domain, error) {
	var d api.Domain
	if _, err := c.call(ctx, request{method: http.MethodGet, path: domainPath(ref)}, &d); err != nil {
		return nil, err
	}
	return &d, nil
}

// Domains lists one page of domains.
func (c *Client) Domains(ctx context.Context, f DomainFilter) (*api.Page[api.Domain], error) {
	var p api.Page[api.Domain]
	if _, err := c.call(ctx, request{method: http.MethodGet, path: "/v1/domains", query: f.query()}, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

// UpdateDomain changes what is set in p.
func (c *Client) UpdateDomain(ctx context.Context, ref string, p api.DomainPatch) (*api.Domain, error) {
	var d api.Domain
	if _, err := c.call(ctx, request{method: http.MethodPatch, path: domainPath(ref), body: p}, &d); err != nil {
		return nil, err
	}
	return &d, nil
}

// DeleteDomain gives up a claim. Its codes never prove anything again.
func (c *Client) DeleteDomain(ctx context.Context, ref string) error {
	_, err := c.call(ctx, request{method: http.MethodDelete, path: domainPath(ref)}, nil)
	return err
}

// MaxWait is the longest that a server holds a reply for a running check.
const MaxWait = 60 * time.Second

// StartAttempt begins a check of one method, or of every applicable one when
// method is empty, and waits up to wait (at most MaxWait) for its end. The
// attempt that comes back may still run.
func (c *Client) StartAttempt(ctx context.Context, ref, method string, wait time.Duration) (*api.Attempt, error) {
	q := url.Values{}
	if wait > 0 {
		q.Set("wait", min(wait, MaxWait).Truncate(time.Millisecond).String())
	}
	var a api.Attempt
	_, err := c.call(ctx, request{method: http.MethodPost, path: domainPath(ref) + "/attempts", query: q, body: api.StartAttempt{Method: method}}, &a)
	if err != nil {
		return nil, err
	}
	return &a, nil
}

// Attempt finds an attempt by id.
func (c *Client) Attempt(ctx context.Context, id string) (*api.Attempt, error) {
	var a api.Attempt
	if _, err := c.call(ctx, request{method: http.MethodGet, path: "/v1/attempts/" + url.PathEscape(id)}, &a); err != nil {
		return nil, err
	}
	return &a, nil
}

// Attempts lists the attempts of a domain, the newest first.
func (c *Client) Attempts(ctx context.Context, ref string, limit int, cursor string) (*api.Page[api.Attempt], error) {
	var p api.Page[api.Attempt]
	q := DomainFilter{Limit: limit, Cursor: cursor}.query()
	if _, err := c.call(ctx, request{method: http.MethodGet, path: domainPath(ref) + "/attempts", query: q}, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

// WaitAttempt asks until the attempt has ended or ctx ends; then it returns
// the error of ctx.
func (c *Client) WaitAttempt(ctx context.Context, id string) (*api.Attempt, error) {
	pause := 100 * time.Millisecond
	for {
		a, err := c.Attempt(ctx, id)
		if err != nil || a.Finished() {
			return a, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, 2*time.Second)
	}
}

// Evidence is what a finished attempt saw.
func (c *Client) Evidence(ctx context.Context, attemptID string) (json.RawMessage, error) {
	var doc json.RawMessage
	_, err := c.call(ctx, request{method: http.MethodGet, path: "/v1/attempts/" + url.PathEscape(attemptID) + "/evidence"}, &doc)
	return doc, err
}

// Events lists events after the event with that id ("" from the first one).
func (c *Client) Events(ctx context.Context, after string, limit int) (*api.Page[api.Event], error) {
	q := DomainFilter{Limit: limit}.query()
	if after != "" {
		q.Set("after", after)
	}
	var p api.Page[api.Event]
	if _, err := c.call(ctx, request{method: http.MethodGet, path: "/v1/events", query: q}, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

// Problems is the catalogue of causes.
func (c *Client) Problems(ctx context.Context) ([]api.Entry, error) {
	var p api.Page[api.Entry]
	_, err := c.call(ctx, request{method: http.MethodGet, path: "/v1/problems"}, &p)
	return p.Items, err
}

// Me is the account and the token that the client uses.
func (c *Client) Me(ctx context.Context) (*api.Me, error) {
	var m api.Me
	if _, err := c.call(ctx, request{method: http.MethodGet, path: "/v1/me"}, &m); err != nil {
		return nil, err
	}
	return &m, nil
}
