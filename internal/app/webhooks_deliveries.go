package app

import (
	"context"
	"fmt"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// TestWebhook sends a webhook.test and waits for what comes of it. Any process
// with the role worker may be the one that sends it.
func (a *App) TestWebhook(ctx context.Context, actor zonehold.Actor, id string) (*Delivery, error) {
	if err := allow(actor, zonehold.ScopeAdmin); err != nil {
		return nil, err
	}
	account, delivery := actor.Account.ID, ""
	err := a.store.InTx(ctx, func(tx *store.Tx) error {
		w, err := tx.Webhook(ctx, account, id)
		if err != nil {
			return err
		}
		now := a.now()
		event := newEvent(zonehold.EventWebhookTest, account, "", now, map[string]any{
			"webhook_id": w.ID, "message": "This is a test. Nothing happened.",
		})
		if err := a.audit(ctx, tx, actor, "webhook.test", w.ID, webhookDetail(w)); err != nil {
			return err
		}
		if err := tx.AppendEvents(ctx, []*zonehold.Event{event}); err != nil {
			return err
		}
		delivery, err = tx.AddTest(ctx, &w.Outlet, event, now)
		return err
	})
	if err != nil {
		return nil, a.ours(ctx, "webhook", err)
	}
	a.wake.ring(account)
	patience, cancel := context.WithTimeout(ctx, testPatience)
	defer cancel()
	for {
		// Without the caller's end, as the last look tells how it stands.
		d, err := a.store.Delivery(context.WithoutCancel(ctx), account, delivery)
		if err != nil {
			return nil, a.ours(ctx, "webhook", err)
		}
		if !d.EndedAt.IsZero() || patience.Err() != nil {
			return deliveryView(d), nil
		}
		select {
		case <-time.After(a.timing.poll / 5):
		case <-patience.Done():
		case <-a.draining:
			cancel()
		}
	}
}

const deliveriesOrder = "-deliveries"

// Deliveries lists the delivery log of an endpoint, newest first.
func (a *App) Deliveries(ctx context.Context, actor zonehold.Actor, id string, q DeliveryQuery) (Page[*Delivery], error) {
	var page Page[*Delivery]
	if err := allow(actor, zonehold.ScopeAdmin); err != nil {
		return page, err
	}
	f := store.DeliveryFilter{AccountID: actor.Account.ID, OutletID: id, State: store.DeliveryState(q.State)}
	switch f.State {
	case "", store.DeliveryWaiting, store.DeliverySending, store.DeliveryDelivered, store.DeliveryFailed, store.DeliveryCanceled:
	default:
		return page, invalid("state", "The state is waiting, sending, delivered, failed or canceled, or left out.")
	}
	limit, after, err := pageOf(q.Limit, q.Cursor, deliveriesOrder)
	if err != nil {
		return page, err
	}
	if _, err := a.store.Webhook(ctx, actor.Account.ID, id); err != nil {
		return page, a.ours(ctx, "webhook", err)
	}
	f.Limit = limit + 1
	if after != nil {
		f.BeforeAt, f.BeforeID = after.Time, after.ID
	}
	found, err := a.store.Deliveries(ctx, f)
	if err != nil {
		return page, a.ours(ctx, "delivery", err)
	}
	if len(found) > limit {
		found = found[:limit]
		last := found[limit-1]
		page.NextCursor = place{Order: deliveriesOrder, Time: last.CreatedAt.UnixMicro(), ID: last.ID}.cursor()
	}
	page.Items = make([]*Delivery, len(found))
	for i, d := range found {
		page.Items[i] = deliveryView(d)
	}
	return page, nil
}

// Delivery finds one delivery to a webhook.
func (a *App) Delivery(ctx context.Context, actor zonehold.Actor, id string) (*Delivery, error) {
	if err := allow(actor, zonehold.ScopeAdmin); err != nil {
		return nil, err
	}
	d, err := a.store.Delivery(ctx, actor.Account.ID, id)
	if err == nil && d.Kind != store.KindWebhook {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, a.ours(ctx, "delivery", err)
	}
	return deliveryView(d), nil
}

// ReplayDelivery sends one again, under the same webhook-id; the ladder of
// retries begins anew.
func (a *App) ReplayDelivery(ctx context.Context, actor zonehold.Actor, id string) (*Delivery, error) {
	d, err := a.Delivery(ctx, actor, id)
	if err != nil {
		return nil, err
	}
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		w, err := tx.Webhook(ctx, actor.Account.ID, d.WebhookID)
		if err != nil {
			return err
		}
		if err := mayReplay(&w.Outlet); err != nil {
			return err
		}
		replayed, err := tx.ReplayDelivery(ctx, actor.Account.ID, d.ID, a.now())
		if err != nil {
			return err
		}
		if !replayed {
			return &Error{Kind: KindConflict, Message: "It is being sent right now. Wait for what comes of it."}
		}
		return a.audit(ctx, tx, actor, "webhook.replay", w.ID, map[string]any{"delivery_id": d.ID, "event_id": d.EventID})
	})
	if err != nil {
		return nil, a.ours(ctx, "delivery", err)
	}
	return a.Delivery(ctx, actor, id)
}

func mayReplay(o *store.Outlet) error {
	if o.Enabled {
		return nil
	}
	return &Error{Kind: KindConflict, Message: "The webhook is disabled. Enable it first."}
}

// ReplayWebhook sends events since a time again.
func (a *App) ReplayWebhook(ctx context.Context, actor zonehold.Actor, id string, since time.Time, all bool) (n int, err error) {
	if err := allow(actor, zonehold.ScopeAdmin); err != nil {
		return 0, err
	}
	now := a.now()
	switch {
	case since.After(now):
		return 0, invalid("since", "This time is still to come.")
	case since.Before(now.Add(-eventsKept)):
		return 0, invalid("since", fmt.Sprintf("Events are kept for %d days. Give a time since %s.", int(eventsKept/(24*time.Hour)), moment(now.Add(-eventsKept))))
	}
	// Each step can be repeated: what waits to be sent already does not count.
	for after := int64(0); ; {
		err := a.store.InTx(ctx, func(tx *store.Tx) error {
			w, err := tx.Webhook(ctx, actor.Account.ID, id)
			if err != nil {
				return err
			}
			if err := mayReplay(&w.Outlet); err != nil {
				return err
			}
			var sent int
			if sent, after, err = tx.Replay(ctx, &w.Outlet, since, now, after, all); err != nil {
				return err
			}
			if n += sent; after != 0 {
				return nil
			}
			return a.audit(ctx, tx, actor, "webhook.replay", w.ID, map[string]any{"since": moment(since), "all": all, "events": n})
		})
		if err != nil {
			return 0, a.ours(ctx, "webhook", err)
		}
		if after == 0 {
			return n, nil
		}
	}
}
