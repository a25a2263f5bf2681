package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
)

// Webhooks are the endpoints to which an account has its events sent. All
// calls need the scope admin: a webhook carries everything that happens in the
// account to wherever its URL says.
type Webhooks interface {
	// CreateWebhook adds an endpoint, which gets the events from now on. The
	// secret is shown this once.
	CreateWebhook(ctx context.Context, actor zonehold.Actor, in NewWebhook) (w *Webhook, secret string, err error)
	Webhooks(ctx context.Context, actor zonehold.Actor) ([]*Webhook, error)
	Webhook(ctx context.Context, actor zonehold.Actor, id string) (*Webhook, error)
	// UpdateWebhook and DeleteWebhook fail with KindPrecondition when version is
	// not 0 and not the current one.
	UpdateWebhook(ctx context.Context, actor zonehold.Actor, id string, p WebhookPatch, version int64) (*Webhook, error)
	DeleteWebhook(ctx context.Context, actor zonehold.Actor, id string, version int64) error
	// RotateWebhook makes a new secret; the one before signs too for 24 hours.
	RotateWebhook(ctx context.Context, actor zonehold.Actor, id string) (w *Webhook, secret string, err error)
	// TestWebhook sends a webhook.test at once, also to one that is disabled, and
	// waits for what comes of it; State says if it came to nothing yet.
	TestWebhook(ctx context.Context, actor zonehold.Actor, id string) (*Delivery, error)
	// Deliveries lists the delivery log of an endpoint, newest first.
	Deliveries(ctx context.Context, actor zonehold.Actor, id string, q DeliveryQuery) (Page[*Delivery], error)
	Delivery(ctx context.Context, actor zonehold.Actor, id string) (*Delivery, error)
	// ReplayDelivery sends one again: KindConflict while it is being sent.
	ReplayDelivery(ctx context.Context, actor zonehold.Actor, id string) (*Delivery, error)
	// ReplayWebhook sends the events since a time again that were not delivered,
	// or with all every one, and says how many.
	ReplayWebhook(ctx context.Context, actor zonehold.Actor, id string, since time.Time, all bool) (int, error)
}

var _ Webhooks = (*App)(nil)

// WebhookRules judge the URLs of webhooks and make their secrets.
type WebhookRules interface {
	// Parse checks a URL as typed and writes it in one form. Its errors are for
	// the one who typed it.
	Parse(typed string) (string, error)
	NewSecret() string
}

// NewWebhook is the input of CreateWebhook. Fields as typed.
type NewWebhook struct {
	URL         string
	Description string
	Events      []string // see Webhook.Events
}

// WebhookPatch changes what is not nil.
type WebhookPatch struct {
	URL         *string
	Description *string
	Events      *[]string
	Enabled     *bool
}

// Reasons why a webhook is disabled.
const (
	DisabledByOwner = "owner"   // by PATCH
	DisabledGone    = "gone"    // it answered 410
	DisabledFailing = "failing" // nothing but failures for five days
)

// Webhook is an endpoint.
type Webhook struct {
	ID          string
	URL         string
	Description string
	// Events are types, groups as "domain.*", or "*" for everything; none:
	// everything but attempt.completed.
	Events         []string
	Enabled        bool
	DisabledReason string
	DisabledAt     time.Time
	FailingSince   time.Time // zero: the last try went well
	PausedUntil    time.Time // it asked for fewer; zero: no
	OldSecretUntil time.Time // after a rotation; zero: one secret signs
	Version        int64
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// DeliveryQuery selects deliveries.
type DeliveryQuery struct {
	State  string // waiting, sending, delivered, failed, canceled; "": any
	Limit  int    // 1..500; 0: 50
	Cursor string
}

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	ID        string
	WebhookID string
	EventID   string
	EventType zonehold.EventType
	State     string
	Tries     []DeliveryTry
	NextTryAt time.Time // while it waits
	CreatedAt time.Time
	EndedAt   time.Time
}

// DeliveryTry is one try.
type DeliveryTry struct {
	At       time.Time
	Status   int // 0: no answer
	Duration time.Duration
	Error    string // "": it went well
	Answer   string // the beginning of what was answered
}

// Bounds of webhooks.
const (
	webhookLimit       = 20               // endpoints of an account
	webhookDescription = 200              // characters
	webhookPatterns    = 50               // of one endpoint
	oldSecretKept      = 24 * time.Hour   // after a rotation
	testPatience       = 20 * time.Second // for what comes of a test; a try takes 15 s at most
)

// EventTypes lists every type of event that an account may meet, for those who
// choose some.
func EventTypes() []zonehold.EventType { return slices.Clone(allEventTypes) }

// webhookView is a webhook as its owner sees it.
func webhookView(w *store.Webhook, now time.Time) *Webhook {
	out := &Webhook{
		ID: w.ID, URL: w.URL, Description: w.Description, Events: w.Patterns, Enabled: w.Enabled, DisabledReason: w.DisabledReason,
		DisabledAt: w.DisabledAt, FailingSince: w.FailingSince, Version: w.Version, CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt,
	}
	if w.PauseUntil.After(now) {
		out.PausedUntil = w.PauseUntil
	}
	if w.OldUntil.After(now) {
		out.OldSecretUntil = w.OldUntil
	}
	return out
}

func deliveryView(d *store.Delivery) *Delivery {
	out := &Delivery{
		ID: d.ID, WebhookID: d.OutletID, EventID: d.EventID, EventType: d.EventType, State: string(d.State),
		Tries: make([]DeliveryTry, len(d.Tries)), CreatedAt: d.CreatedAt, EndedAt: d.EndedAt,
	}
	for i, t := range d.Tries {
		out.Tries[i] = DeliveryTry(t)
	}
	if d.State == store.DeliveryWaiting {
		out.NextTryAt = d.DueAt
	}
	return out
}

// webhookURL checks a URL as typed.
func (a *App) webhookURL(typed string) (string, error) {
	if a.cfg.Webhooks == nil {
		return "", &Error{Kind: KindUnavailable, Message: "This service sends no webhooks."}
	}
	out, err := a.cfg.Webhooks.Parse(typed)
	if err != nil {
		return "", invalid("url", sentenceOf(err.Error()))
	}
	return out, nil
}

func webhookDescribed(typed string) (string, error) {
	text := strings.TrimSpace(typed)
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > webhookDescription || problem.Clean(text, webhookDescription) != text {
		return "", invalid("description", fmt.Sprintf("A description has at most %d printable characters.", webhookDescription))
	}
	return text, nil
}

// webhookEvents checks a choice of events. What names no event there is would
// never be sent, and is mostly a slip of the pen.
func webhookEvents(typed []string) ([]string, error) {
	if len(typed) > webhookPatterns {
		return nil, invalid("events", fmt.Sprintf("A webhook has at most %d entries here. Use groups, such as domain.*.", webhookPatterns))
	}
	out := []string{}
	for i, text := range typed {
		text = strings.TrimSpace(text)
		group, star := strings.CutSuffix(text, ".*")
		known := text == "*" || slices.ContainsFunc(allEventTypes, func(t zonehold.EventType) bool {
			return string(t) == text || star && strings.HasPrefix(string(t), group+".")
		})
		if !known {
			return nil, invalid(fmt.Sprintf("events.%d", i), fmt.Sprintf("There are no events %s. Types are such as domain.verified, groups such as domain.*, and * is everything.",
				problem.Clean(fmt.Sprintf("%q", clip(text, 60)), 70)))
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out, nil
}

// newSecret seals a new secret into w.
func (a *App) newSecret(ctx context.Context, w *store.Webhook) (string, error) {
	secret := a.cfg.Webhooks.NewSecret()
	switch err := a.store.SetWebhookSecret(w, secret, a.now().Add(oldSecretKept)); {
	case errors.Is(err, store.ErrNoKey):
		return "", &Error{Kind: KindUnavailable, Message: "Secrets cannot be kept: the operator has set no secret key."}
	case err != nil:
		return "", a.ours(ctx, "webhook", err)
	}
	return secret, nil
}

// CreateWebhook adds an endpoint, which gets the events from now on.
func (a *App) CreateWebhook(ctx context.Context, actor zonehold.Actor, in NewWebhook) (*Webhook, string, error) {
	if err := allow(actor, zonehold.ScopeAdmin); err != nil {
		return nil, "", err
	}
	now := a.now()
	w := &store.Webhook{CreatedAt: now, UpdatedAt: now}
	w.ID, w.AccountID, w.Enabled = zonehold.NewID(zonehold.PrefixWebhook), actor.Account.ID, true
	var err error
	if w.URL, err = a.webhookURL(in.URL); err != nil {
		return nil, "", err
	}
	if w.Description, err = webhookDescribed(in.Description); err != nil {
		return nil, "", err
	}
	if w.Patterns, err = webhookEvents(in.Events); err != nil {
		return nil, "", err
	}
	secret, err := a.newSecret(ctx, w)
	if err != nil {
		return nil, "", err
	}
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.LockAccount(ctx, w.AccountID); err != nil {
			return err
		}
		n, err := tx.CountWebhooks(ctx, w.AccountID)
		if err != nil {
			return err
		}
		if n >= webhookLimit {
			return &Error{Kind: KindLimit, Limit: webhookLimit, Message: fmt.Sprintf("The account has %d webhooks, which is the limit. Remove one first.", n)}
		}
		if err := tx.InsertWebhook(ctx, w); err != nil {
			return err
		}
		return a.audit(ctx, tx, actor, "webhook.create", w.ID, webhookDetail(w))
	})
	if err != nil {
		return nil, "", a.ours(ctx, "account", err)
	}
	return webhookView(w, now), secret, nil
}

// webhookDetail is for the audit log: where it goes, but not the whole URL,
// which may hold a secret.
func webhookDetail(w *store.Webhook) map[string]any {
	host := ""
	if u, err := url.Parse(w.URL); err == nil {
		host = u.Host
	}
	return map[string]any{"name": host, "events": strings.Join(w.Patterns, " "), "enabled": w.Enabled}
}

// Webhooks lists the account's endpoints, oldest first.
func (a *App) Webhooks(ctx context.Context, actor zonehold.Actor) ([]*Webhook, error) {
	if err := allow(actor, zonehold.ScopeAdmin); err != nil {
		return nil, err
	}
	found, err := a.store.Webhooks(ctx, actor.Account.ID)
	if err != nil {
		return nil, a.ours(ctx, "webhook", err)
	}
	out := make([]*Webhook, len(found))
	for i, w := range found {
		out[i] = webhookView(w, a.now())
	}
	return out, nil
}

// Webhook finds an endpoint of the account.
func (a *App) Webhook(ctx context.Context, actor zonehold.Actor, id string) (*Webhook, error) {
	if err := allow(actor, zonehold.ScopeAdmin); err != nil {
		return nil, err
	}
	w, err := a.store.Webhook(ctx, actor.Account.ID, id)
	if err != nil {
		return nil, a.ours(ctx, "webhook", err)
	}
	return webhookView(w, a.now()), nil
}

// changeWebhook reads an endpoint under the lock of its account, has it
// changed, and writes it.
func (a *App) changeWebhook(ctx context.Context, actor zonehold.Actor, id string, version int64, action string, change func(w *store.Webhook, now time.Time) error) (*Webhook, error) {
	if err := allow(actor, zonehold.ScopeAdmin); err != nil {
		return nil, err
	}
	var w *store.Webhook
	err := a.store.InTx(ctx, func(tx *store.Tx) (err error) {
		if err := tx.LockAccount(ctx, actor.Account.ID); err != nil {
			return err
		}
		if w, err = tx.Webhook(ctx, actor.Account.ID, id); err != nil {
			return err
		}
		if version != 0 && version != w.Version {
			return &Error{Kind: KindPrecondition, Message: "The webhook was changed meanwhile."}
		}
		now, from := a.now(), w.URL
		if err := change(w, now); err != nil {
			return err
		}
		if err := tx.UpdateWebhook(ctx, w, w.URL != from, now); err != nil {
			return err
		}
		return a.audit(ctx, tx, actor, action, w.ID, webhookDetail(w))
	})
	if err != nil {
		return nil, a.ours(ctx, "webhook", err)
	}
	return webhookView(w, a.now()), nil
}

// UpdateWebhook changes an endpoint. One that is enabled again gets what
// happens from now on; ReplayWebhook sends the rest.
func (a *App) UpdateWebhook(ctx context.Context, actor zonehold.Actor, id string, p WebhookPatch, version int64) (*Webhook, error) {
	return a.changeWebhook(ctx, actor, id, version, "webhook.update", func(w *store.Webhook, now time.Time) (err error) {
		if p.URL != nil {
			if w.URL, err = a.webhookURL(*p.URL); err != nil {
				return err
			}
		}
		if p.Description != nil {
			if w.Description, err = webhookDescribed(*p.Description); err != nil {
				return err
			}
		}
		if p.Events != nil {
			if w.Patterns, err = webhookEvents(*p.Events); err != nil {
				return err
			}
		}
		if p.Enabled != nil && *p.Enabled != w.Enabled {
			w.Enabled, w.DisabledReason, w.DisabledAt = *p.Enabled, "", time.Time{}
			if !w.Enabled {
				w.DisabledReason, w.DisabledAt = DisabledByOwner, now
			} else {
				w.FailingSince, w.PauseUntil = time.Time{}, time.Time{}
			}
		}
		return nil
	})
}

// RotateWebhook makes a new secret.
func (a *App) RotateWebhook(ctx context.Context, actor zonehold.Actor, id string) (*Webhook, string, error) {
	if a.cfg.Webhooks == nil {
		return nil, "", &Error{Kind: KindUnavailable, Message: "This service sends no webhooks."}
	}
	secret := ""
	w, err := a.changeWebhook(ctx, actor, id, 0, "webhook.rotate", func(w *store.Webhook, _ time.Time) (err error) {
		secret, err = a.newSecret(ctx, w)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return w, secret, nil
}

// DeleteWebhook forgets an endpoint and its delivery log.
func (a *App) DeleteWebhook(ctx context.Context, actor zonehold.Actor, id string, version int64) error {
	if err := allow(actor, zonehold.ScopeAdmin); err != nil {
		return err
	}
	err := a.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.LockAccount(ctx, actor.Account.ID); err != nil {
			return err
		}
		w, err := tx.Webhook(ctx, actor.Account.ID, id)
		if err != nil {
			return err
		}
		if version != 0 && version != w.Version {
			return &Error{Kind: KindPrecondition, Message: "The webhook was changed meanwhile."}
		}
		if err := tx.DeleteWebhook(ctx, actor.Account.ID, id); err != nil {
			return err
		}
		return a.audit(ctx, tx, actor, "webhook.delete", w.ID, webhookDetail(w))
	})
	return a.ours(ctx, "webhook", err)
}
