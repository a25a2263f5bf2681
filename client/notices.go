package client

import (
	"context"
	"net/http"

	"github.com/zonehold/zonehold/api"
)

// Notices says who gets mail about what changes, and of which events.
func (c *Client) Notices(ctx context.Context) (*api.Notices, error) {
	var n api.Notices
	if _, err := c.call(ctx, http.MethodGet, "/v1/notices", nil, nil, &n); err != nil {
		return nil, err
	}
	return &n, nil
}

// SetNotices replaces that choice; nil lists are the default.
func (c *Client) SetNotices(ctx context.Context, in api.SetNotices) (*api.Notices, error) {
	body := map[string]any{"addresses": in.Addresses, "events": in.Events} // null, not absent, and empty stays empty
	var n api.Notices
	if _, err := c.call(ctx, http.MethodPut, "/v1/notices", nil, body, &n); err != nil {
		return nil, err
	}
	return &n, nil
}
