package client

import (
	"context"
	"net/http"

	"github.com/zonehold/zonehold/api"
)

// Breakers lists open breakers, newest first; with all also closed ones. It
// needs the scope operator.
func (c *Client) Breakers(ctx context.Context, all bool) ([]api.Breaker, error) {
	var page api.Page[api.Breaker]
	if _, err := c.call(ctx, http.MethodGet, "/v1/breakers", listing(all, 0, nil), nil, &page); err != nil {
		return nil, err
	}
	return page.Items, nil
}

// ResetBreaker closes a breaker: what it held back counts.
func (c *Client) ResetBreaker(ctx context.Context, id string, in api.ResetBreaker) (*api.Breaker, error) {
	var b api.Breaker
	if _, err := c.call(ctx, http.MethodPost, "/v1/breakers/"+segment(id)+"/reset", nil, in, &b); err != nil {
		return nil, err
	}
	return &b, nil
}

// HoldBreaker keeps a breaker open for some hours from now on.
func (c *Client) HoldBreaker(ctx context.Context, id string, in api.HoldBreaker) (*api.Breaker, error) {
	var b api.Breaker
	if _, err := c.call(ctx, http.MethodPost, "/v1/breakers/"+segment(id)+"/hold", nil, in, &b); err != nil {
		return nil, err
	}
	return &b, nil
}
