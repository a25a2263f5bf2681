package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
)

func (s *server) webhookCalls(h huma.API) {
	const tag = "Webhooks"
	read, write := rules{scope: zonehold.ScopeAdmin, bucket: reads}, rules{scope: zonehold.ScopeAdmin, bucket: writes}
	secret := write
	secret.secret = true
	register(s, h, call{
		id: "create-webhook", method: http.MethodPost, path: "/v1/webhooks", tag: tag, summary: "Have events sent to a URL",
		doc: "From now on the account's events are sent there as Standard Webhooks 1.0.0, signed with the secret that the reply holds; it is shown this once. " +
			"For that reason the call takes no Idempotency-Key.",
		rules: secret, replies: map[int]any{201: api.NewWebhook{}}, located: true, errors: []int{408, 413, 415, 422},
	}, s.createWebhook)
	register(s, h, call{
		id: "list-webhooks", method: http.MethodGet, path: "/v1/webhooks", tag: tag, summary: "List webhooks", doc: "Oldest first.",
		rules: read, replies: map[int]any{200: api.Page[api.Webhook]{}},
	}, s.listWebhooks)
	register(s, h, call{
		id: "get-webhook", method: http.MethodGet, path: "/v1/webhooks/{id}", tag: tag, summary: "Show a webhook",
		rules: read, replies: map[int]any{200: api.Webhook{}, 304: nil}, versioned: true, errors: []int{404},
	}, s.getWebhook)
	register(s, h, call{
		id: "update-webhook", method: http.MethodPatch, path: "/v1/webhooks/{id}", tag: tag, summary: "Change a webhook",
		doc:   "One that is enabled again gets what happens from then on; a replay sends the rest. Disabling it ends what was waiting to be sent.",
		rules: write, replies: map[int]any{200: api.Webhook{}}, versioned: true, errors: []int{404, 408, 412, 413, 415, 422},
	}, s.updateWebhook)
	register(s, h, call{
		id: "delete-webhook", method: http.MethodDelete, path: "/v1/webhooks/{id}", tag: tag, summary: "Remove a webhook and its delivery log",
		rules: write, replies: map[int]any{204: nil}, errors: []int{404, 412},
	}, s.deleteWebhook)
	register(s, h, call{
		id: "rotate-webhook", method: http.MethodPost, path: "/v1/webhooks/{id}/rotate", tag: tag, summary: "Make a new secret",
		doc:   "For 24 hours each request carries two signatures, of the new secret and of the one before. Rotating again drops the older of the two.",
		rules: secret, replies: map[int]any{200: api.NewWebhook{}}, errors: []int{404, 422},
	}, s.rotateWebhook)
	register(s, h, call{
		id: "test-webhook", method: http.MethodPost, path: "/v1/webhooks/{id}/test", tag: tag, summary: "Send a webhook.test now",
		doc: "Sent once and at once, also where the webhook is disabled or paused. The reply comes when it is known what happened, mostly at once, after 20 s at the latest; " +
			"a test that fails is a 200 with the state failed.",
		rules: rules{scope: zonehold.ScopeAdmin, bucket: checks}, replies: map[int]any{200: api.Delivery{}}, errors: []int{404, 409, 422},
	}, s.testWebhook)
	register(s, h, call{
		id: "list-deliveries", method: http.MethodGet, path: "/v1/webhooks/{id}/deliveries", tag: tag, summary: "The delivery log of a webhook",
		doc: "Newest first. Kept for 30 days after the end.", rules: read, replies: map[int]any{200: api.Page[api.Delivery]{}}, errors: []int{404},
	}, s.listDeliveries)
	register(s, h, call{
		id: "get-delivery", method: http.MethodGet, path: "/v1/deliveries/{id}", tag: tag, summary: "Show a delivery",
		rules: read, replies: map[int]any{200: api.Delivery{}}, errors: []int{404},
	}, s.getDelivery)
	register(s, h, call{
		id: "replay-delivery", method: http.MethodPost, path: "/v1/deliveries/{id}/replay", tag: tag, summary: "Send an event again",
		doc:   "At once, with the same webhook-id and a new webhook-timestamp; the retries begin anew.",
		rules: write, replies: map[int]any{202: api.Delivery{}}, errors: []int{404, 409, 422},
	}, s.replayDelivery)
	register(s, h, call{
		id: "replay-webhook", method: http.MethodPost, path: "/v1/webhooks/{id}/replay", tag: tag, summary: "Send the events since a time again",
		doc:   "Those that were not delivered, also from when the webhook was disabled or not there yet; with all, every one. Each has its webhook-id from before.",
		rules: write, replies: map[int]any{202: api.Replayed{}}, errors: []int{404, 408, 409, 413, 415, 422},
	}, s.replayWebhook)
}

// WebhookRef is the path of a webhook.
type WebhookRef struct {
	ID string `path:"id" doc:"id of the webhook" example:"whk_06c4b1q2v8h3k5n7p9r1s3t5u0"`
}

func (w WebhookRef) check() error {
	if !zonehold.ValidID(zonehold.PrefixWebhook, w.ID) {
		return fault(codeNotFound, "The account has no such webhook.")
	}
	return nil
}

// WebhookCondition is what must still hold of a webhook.
type WebhookCondition struct {
	WebhookRef
	IfMatch []string `header:"If-Match" doc:"ETag that the webhook must still have"`
}

// expected turns If-Match into the version that the use case demands; 0: any.
func (w WebhookCondition) expected(ctx context.Context, s *server) (int64, error) {
	if err := w.check(); err != nil {
		return 0, err
	}
	list, err := versions(w.IfMatch)
	if err != nil || list == nil {
		return 0, err
	}
	if len(list) == 1 {
		return list[0], nil
	}
	hook, err := s.Webhooks.Webhook(ctx, actorOf(ctx), w.ID)
	if err != nil {
		return 0, err
	}
	for _, v := range list {
		if v == hook.Version {
			return v, nil
		}
	}
	return 0, fault(codePrecondition, "")
}

func toWebhook(w *app.Webhook) api.Webhook {
	out := api.Webhook{
		ID: w.ID, URL: w.URL, Description: w.Description, Events: w.Events, Enabled: w.Enabled, DisabledReason: text(w.DisabledReason),
		DisabledAt: when(w.DisabledAt), FailingSince: when(w.FailingSince), PausedUntil: when(w.PausedUntil), OldSecretUntil: when(w.OldSecretUntil),
		CreatedAt: w.CreatedAt.UTC(), UpdatedAt: w.UpdatedAt.UTC(),
	}
	if out.Events == nil {
		out.Events = []string{}
	}
	return out
}

func webhookReply(w *app.Webhook) reply {
	return reply{body: toWebhook(w), version: w.Version, tagged: true}
}

func toDelivery(d *app.Delivery) api.Delivery {
	out := api.Delivery{
		ID: d.ID, WebhookID: d.WebhookID, EventID: d.EventID, EventType: string(d.EventType), State: d.State,
		Tries: make([]api.DeliveryTry, len(d.Tries)), NextTryAt: when(d.NextTryAt), CreatedAt: d.CreatedAt.UTC(), EndedAt: when(d.EndedAt),
	}
	for i, t := range d.Tries {
		out.Tries[i] = api.DeliveryTry{At: t.At.UTC(), DurationMS: t.Duration.Milliseconds(), Error: text(t.Error), Answer: text(t.Answer)}
		if t.Status != 0 {
			out.Tries[i].Status = &t.Status
		}
	}
	return out
}

func (s *server) createWebhook(ctx context.Context, in *struct{ Body api.CreateWebhook }) (reply, error) {
	w, secret, err := s.Webhooks.CreateWebhook(ctx, actorOf(ctx), app.NewWebhook{URL: in.Body.URL, Description: in.Body.Description, Events: in.Body.Events})
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, body: api.NewWebhook{Webhook: toWebhook(w), Secret: secret}, location: "/v1/webhooks/" + w.ID}, nil
}

func (s *server) listWebhooks(ctx context.Context, _ *struct{}) (reply, error) {
	all, err := s.Webhooks.Webhooks(ctx, actorOf(ctx))
	if err != nil {
		return reply{}, err
	}
	return reply{body: toPage(app.Page[*app.Webhook]{Items: all}, toWebhook)}, nil
}

func (s *server) getWebhook(ctx context.Context, in *WebhookRef) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	w, err := s.Webhooks.Webhook(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return reply{}, err
	}
	return webhookReply(w), nil
}

func (s *server) updateWebhook(ctx context.Context, in *struct {
	WebhookCondition
	Body api.WebhookPatch
}) (reply, error) {
	version, err := in.expected(ctx, s)
	if err != nil {
		return reply{}, err
	}
	w, err := s.Webhooks.UpdateWebhook(ctx, actorOf(ctx), in.ID, app.WebhookPatch{
		URL: in.Body.URL, Description: in.Body.Description, Events: in.Body.Events, Enabled: in.Body.Enabled,
	}, version)
	if err != nil {
		return reply{}, err
	}
	return webhookReply(w), nil
}

func (s *server) deleteWebhook(ctx context.Context, in *WebhookCondition) (reply, error) {
	version, err := in.expected(ctx, s)
	if err != nil {
		return reply{}, err
	}
	if err := s.Webhooks.DeleteWebhook(ctx, actorOf(ctx), in.ID, version); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent}, nil
}

func (s *server) rotateWebhook(ctx context.Context, in *WebhookRef) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	w, secret, err := s.Webhooks.RotateWebhook(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return reply{}, err
	}
	return reply{body: api.NewWebhook{Webhook: toWebhook(w), Secret: secret}}, nil
}

func (s *server) testWebhook(ctx context.Context, in *WebhookRef) (reply, error) {
	return one(ctx, in.check(), in.ID, s.Webhooks.TestWebhook, toDelivery)
}

type listDeliveriesInput struct {
	WebhookRef
	Pages
	State string `query:"state" enum:"waiting,sending,delivered,failed,canceled" doc:"absent: any"`
}

func (s *server) listDeliveries(ctx context.Context, in *listDeliveriesInput) (reply, error) {
	if err := in.WebhookRef.check(); err != nil {
		return reply{}, err
	}
	if err := in.Pages.check(); err != nil {
		return reply{}, err
	}
	page, err := s.Webhooks.Deliveries(ctx, actorOf(ctx), in.ID, app.DeliveryQuery{State: in.State, Limit: in.Limit, Cursor: in.Cursor})
	if err != nil {
		return reply{}, err
	}
	return reply{body: toPage(page, toDelivery)}, nil
}

// DeliveryRef is the path of a delivery.
type DeliveryRef struct {
	ID string `path:"id" doc:"id of the delivery" example:"dlv_06c4b1q2v8h3k5n7p9r1s3t5u0"`
}

func (d DeliveryRef) check() error {
	if !zonehold.ValidID(zonehold.PrefixDelivery, d.ID) {
		return fault(codeNotFound, "The account has no such delivery.")
	}
	return nil
}

func (s *server) getDelivery(ctx context.Context, in *DeliveryRef) (reply, error) {
	return one(ctx, in.check(), in.ID, s.Webhooks.Delivery, toDelivery)
}

func (s *server) replayDelivery(ctx context.Context, in *DeliveryRef) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	d, err := s.Webhooks.ReplayDelivery(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusAccepted, body: toDelivery(d)}, nil
}

func (s *server) replayWebhook(ctx context.Context, in *struct {
	WebhookRef
	Body api.ReplayWebhook
}) (reply, error) {
	if err := in.check(); err != nil {
		return reply{}, err
	}
	n, err := s.Webhooks.ReplayWebhook(ctx, actorOf(ctx), in.ID, in.Body.Since, in.Body.All)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusAccepted, body: api.Replayed{Events: n}}, nil
}
