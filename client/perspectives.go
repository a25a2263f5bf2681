package client

import (
	"context"
	"net/http"

	"github.com/zonehold/zonehold/api"
)

// Perspectives lists the other networks from which proofs are checked. It
// needs the scope operator.
func (c *Client) Perspectives(ctx context.Context) (*api.Perspectives, error) {
	var p api.Perspectives
	if _, err := c.call(ctx, http.MethodGet, "/v1/perspectives", nil, nil, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

// CheckPerspectives has the server ask each of them how it is, now.
func (c *Client) CheckPerspectives(ctx context.Context) (*api.Perspectives, error) {
	var p api.Perspectives
	if _, err := c.call(ctx, http.MethodPost, "/v1/perspectives/check", nil, nil, &p); err != nil {
		return nil, err
	}
	return &p, nil
}
