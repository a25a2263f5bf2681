package client

import (
	"context"
	"iter"
	"net/http"
	"time"

	"github.com/zonehold/zonehold/api"
)

// CreateWebhook has events sent to a URL. The secret is in the reply only.
func (c *Client) CreateWebhook(ctx context.Context, in api.CreateWebhook) (*api.NewWebhook, error) {
	var w api.NewWebhook
	if _, err := c.call(ctx, http.MethodPost, "/v1/webhooks", nil, in, &w); err != nil {
		return nil, err
	}
	return &w, nil
}

// Webhooks gives all webhooks of the account, oldest first.
func (c *Client) Webhooks(ctx context.Context) ([]api.Webhook, error) {
	var page api.Page[api.Webhook]
	if _, err := c.call(ctx, http.MethodGet, "/v1/webhooks", nil, nil, &page); err != nil {
		return nil, err
	}
	return page.Items, nil
}

// Webhook gives one webhook.
func (c *Client) Webhook(ctx context.Context, id string) (*api.Webhook, error) {
	var w api.Webhook
	if _, err := c.call(ctx, http.MethodGet, "/v1/webhooks/"+segment(id), nil, nil, &w); err != nil {
		return nil, err
	}
	return &w, nil
}

// UpdateWebhook changes what is not nil.
func (c *Client) UpdateWebhook(ctx context.Context, id string, p api.WebhookPatch) (*api.Webhook, error) {
	var w api.Webhook
	if _, err := c.call(ctx, http.MethodPatch, "/v1/webhooks/"+segment(id), nil, p, &w); err != nil {
		return nil, err
	}
	return &w, nil
}

// DeleteWebhook removes a webhook and its delivery log.
func (c *Client) DeleteWebhook(ctx context.Context, id string) error {
	_, err := c.call(ctx, http.MethodDelete, "/v1/webhooks/"+segment(id), nil, nil, nil)
	return err
}

// RotateWebhook makes a new secret; the one before signs too for 24 hours.
func (c *Client) RotateWebhook(ctx context.Context, id string) (*api.NewWebhook, error) {
	var w api.NewWebhook
	if _, err := c.call(ctx, http.MethodPost, "/v1/webhooks/"+segment(id)+"/rotate", nil, nil, &w); err != nil {
		return nil, err
	}
	return &w, nil
}

// TestWebhook sends a webhook.test and says what came of it.
func (c *Client) TestWebhook(ctx context.Context, id string) (*api.Delivery, error) {
	var d api.Delivery
	if _, err := c.call(ctx, http.MethodPost, "/v1/webhooks/"+segment(id)+"/test", nil, nil, &d); err != nil {
		return nil, err
	}
	return &d, nil
}

// DeliveryQuery selects deliveries; zero fields select all.
type DeliveryQuery struct {
	State  string // waiting, sending, delivered, failed or canceled
	Limit  int    // 1..500; 0: 50
	Cursor string
}

// Deliveries gives one page of the delivery log of a webhook, newest first.
func (c *Client) Deliveries(ctx context.Context, webhookID string, q DeliveryQuery) (*api.Page[api.Delivery], error) {
	var page api.Page[api.Delivery]
	v := listing(false, q.Limit, map[string]string{"state": q.State, "cursor": q.Cursor})
	if _, err := c.call(ctx, http.MethodGet, "/v1/webhooks/"+segment(webhookID)+"/deliveries", v, nil, &page); err != nil {
		return nil, err
	}
	return &page, nil
}

// AllDeliveries walks over the pages of a query. It stops after the first
// error.
func (c *Client) AllDeliveries(ctx context.Context, webhookID string, q DeliveryQuery) iter.Seq2[api.Delivery, error] {
	return pages(q.Cursor, func(cursor string) (*api.Page[api.Delivery], error) {
		q.Cursor = cursor
		return c.Deliveries(ctx, webhookID, q)
	})
}

// Delivery gives one delivery.
func (c *Client) Delivery(ctx context.Context, id string) (*api.Delivery, error) {
	var d api.Delivery
	if _, err := c.call(ctx, http.MethodGet, "/v1/deliveries/"+segment(id), nil, nil, &d); err != nil {
		return nil, err
	}
	return &d, nil
}

// ReplayDelivery sends an event again, with the same webhook-id.
func (c *Client) ReplayDelivery(ctx context.Context, id string) (*api.Delivery, error) {
	var d api.Delivery
	if _, err := c.call(ctx, http.MethodPost, "/v1/deliveries/"+segment(id)+"/replay", nil, nil, &d); err != nil {
		return nil, err
	}
	return &d, nil
}

// ReplayWebhook sends the events since a time again that were not delivered,
// or with all every one, and says how many.
func (c *Client) ReplayWebhook(ctx context.Context, id string, since time.Time, all bool) (int, error) {
	var out api.Replayed
	_, err := c.call(ctx, http.MethodPost, "/v1/webhooks/"+segment(id)+"/replay", nil, api.ReplayWebhook{Since: since, All: all}, &out)
	return out.Events, err
}
