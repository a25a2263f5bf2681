package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/zonehold/zonehold/api"
)

// CreateDomain claims a hostname; false when the account already has it.
func (c *Client) CreateDomain(ctx context.Context, in api.CreateDomain) (*api.Domain, bool, error) {
	var d api.Domain
	status, err := c.call(ctx, http.MethodPost, "/v1/domains", nil, in, &d)
	if err != nil {
		return nil, false, err
	}
	return &d, status == http.StatusCreated, nil
}

// Domain finds a domain by id or hostname.
func (c *Client) Domain(ctx context.Context, ref string) (*api.Domain, error) {
	var d api.Domain
	if _, err := c.call(ctx, http.MethodGet, "/v1/domains/"+segment(ref), nil, nil, &d); err != nil {
		return nil, err
	}
	return &d, nil
}

// DomainQuery selects domains; zero fields select everything.
type DomainQuery struct {
	State, Method, Profile string
	Text                   string // part of the hostname
	Sort                   string // "hostname" (default), "created_at", "-created_at", "state_since", "-state_since"
	Limit                  int    // 1..500; 0: 50
	Cursor                 string
}

// Domains gives one page of domains.
func (c *Client) Domains(ctx context.Context, q DomainQuery) (*api.Page[api.Domain], error) {
	v := listing(false, q.Limit, map[string]string{
		"state": q.State, "method": q.Method, "profile": q.Profile, "q": q.Text, "sort": q.Sort, "cursor": q.Cursor,
	})
	var page api.Page[api.Domain]
	if _, err := c.call(ctx, http.MethodGet, "/v1/domains", v, nil, &page); err != nil {
		return nil, err
	}
	return &page, nil
}

// AllDomains walks over the pages of a query. It stops after the first error.
func (c *Client) AllDomains(ctx context.Context, q DomainQuery) iter.Seq2[api.Domain, error] {
	if q.Limit == 0 {
		q.Limit = 500
	}
	return pages(q.Cursor, func(cursor string) (*api.Page[api.Domain], error) {
		q.Cursor = cursor
		return c.Domains(ctx, q)
	})
}

// UpdateDomain changes the fields that are set.
func (c *Client) UpdateDomain(ctx context.Context, ref string, in api.DomainPatch) (*api.Domain, error) {
	var d api.Domain
	if _, err := c.call(ctx, http.MethodPatch, "/v1/domains/"+segment(ref), nil, in, &d); err != nil {
		return nil, err
	}
	return &d, nil
}

// DeleteDomain gives a domain up.
func (c *Client) DeleteDomain(ctx context.Context, ref string) error {
	_, err := c.call(ctx, http.MethodDelete, "/v1/domains/"+segment(ref), nil, nil, nil)
	return err
}

// StartAttempt begins a check; method "" tries every applicable one. With
// hold the server keeps the reply back until the check ended or that long, at
// most a minute; see WaitAttempt for longer. An *Error with Attempt set means
// that a check is under way already.
func (c *Client) StartAttempt(ctx context.Context, ref, method string, hold time.Duration) (*api.Attempt, error) {
	var a api.Attempt
	if _, err := c.call(ctx, http.MethodPost, "/v1/domains/"+segment(ref)+"/attempts", wait(hold), api.StartAttempt{Method: method}, &a); err != nil {
		return nil, err
	}
	return &a, nil
}

// Attempt gives an attempt; with hold as in StartAttempt.
func (c *Client) Attempt(ctx context.Context, id string, hold time.Duration) (*api.Attempt, error) {
	var a api.Attempt
	if _, err := c.call(ctx, http.MethodGet, "/v1/attempts/"+segment(id), wait(hold), nil, &a); err != nil {
		return nil, err
	}
	return &a, nil
}

// WaitAttempt returns the attempt when it is finished. When ctx ends before,
// it returns the error of ctx and the attempt as last seen, which may be nil.
func (c *Client) WaitAttempt(ctx context.Context, id string) (*api.Attempt, error) {
	var last *api.Attempt
	for {
		began := time.Now()
		a, err := c.Attempt(ctx, id, maxHold/2)
		if ctx.Err() != nil {
			return last, ctx.Err()
		}
		if err != nil {
			return last, err
		}
		if last = a; a.Finished() {
			return a, nil
		}
		// A server that shuts down answers at once.
		if pause := time.Second - time.Since(began); pause > 0 {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return last, ctx.Err()
			}
		}
	}
}

func wait(hold time.Duration) url.Values {
	if hold <= 0 {
		return nil
	}
	return url.Values{"wait": {min(hold, maxHold).String()}}
}

// Attempts gives one page of the checks of a domain, newest first. limit 0 is
// 50, cursor "" the first page.
func (c *Client) Attempts(ctx context.Context, ref string, limit int, cursor string) (*api.Page[api.Attempt], error) {
	v := url.Values{}
	if limit > 0 {
		v.Set("limit", strconv.Itoa(limit))
	}
	if cursor != "" {
		v.Set("cursor", cursor)
	}
	var page api.Page[api.Attempt]
	if _, err := c.call(ctx, http.MethodGet, "/v1/domains/"+segment(ref)+"/attempts", v, nil, &page); err != nil {
		return nil, err
	}
	return &page, nil
}

// Evidence gives the evidence of a finished attempt, a JSON document.
func (c *Client) Evidence(ctx context.Context, id string) (json.RawMessage, error) {
	var doc json.RawMessage
	if _, err := c.call(ctx, http.MethodGet, "/v1/attempts/"+segment(id)+"/evidence", nil, nil, &doc); err != nil {
		return nil, err
	}
	return doc, nil
}

// Problems gives the catalogue.
func (c *Client) Problems(ctx context.Context) ([]api.Entry, error) {
	var page api.Page[api.Entry]
	if _, err := c.call(ctx, http.MethodGet, "/v1/problems", nil, nil, &page); err != nil {
		return nil, err
	}
	return page.Items, nil
}

// Problem gives one entry of the catalogue.
func (c *Client) Problem(ctx context.Context, code string) (*api.Entry, error) {
	var e api.Entry
	if _, err := c.call(ctx, http.MethodGet, "/v1/problems/"+segment(code), nil, nil, &e); err != nil {
		return nil, err
	}
	return &e, nil
}

// Me says whose token this is.
func (c *Client) Me(ctx context.Context) (*api.Me, error) {
	var me api.Me
	if _, err := c.call(ctx, http.MethodGet, "/v1/me", nil, nil, &me); err != nil {
		return nil, err
	}
	return &me, nil
}

// Tokens lists the tokens of the account, oldest first.
func (c *Client) Tokens(ctx context.Context) ([]api.Token, error) {
	var page api.Page[api.Token]
	if _, err := c.call(ctx, http.MethodGet, "/v1/tokens", nil, nil, &page); err != nil {
		return nil, err
	}
	return page.Items, nil
}

// CreateToken makes a token; its Secret is shown this once.
func (c *Client) CreateToken(ctx context.Context, in api.CreateToken) (*api.NewToken, error) {
	var t api.NewToken
	if _, err := c.call(ctx, http.MethodPost, "/v1/tokens", nil, in, &t); err != nil {
		return nil, err
	}
	return &t, nil
}

// RevokeToken ends a token.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	_, err := c.call(ctx, http.MethodDelete, "/v1/tokens/"+segment(id), nil, nil, nil)
	return err
}
