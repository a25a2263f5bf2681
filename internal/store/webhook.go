package store

import (
	"context"
	"fmt"
	"time"
)

// Webhook is an endpoint of an account with its sealed secrets. Which events
// it takes is in its outlet, which has the same id.
type Webhook struct {
	Outlet
	URL            string
	Description    string
	OldUntil       time.Time // till then the secret before signs, too
	Version        int64
	DisabledReason string
	DisabledAt     time.Time
	CreatedAt      time.Time
	UpdatedAt      time.Time
	secret, old    []byte
}

const webhookColumns = outletColumns + ", webhooks.url, webhooks.description, webhooks.secret, webhooks.old_secret, webhooks.old_until, " +
	"webhooks.version, webhooks.disabled_reason, webhooks.disabled_at, webhooks.created_at, webhooks.updated_at"

const fromWebhooks = " FROM webhooks JOIN outlets ON outlets.id = webhooks.id "

func scanWebhook(row scanner) (*Webhook, error) {
	var (
		w                                   Webhook
		until, disabled, created, updatedAt int64
	)
	o, err := scanOutletWith(row, &w.URL, &w.Description, &w.secret, &w.old, &until, &w.Version, &w.DisabledReason, &disabled, &created, &updatedAt)
	if err != nil {
		return nil, err
	}
	w.Outlet = *o
	w.OldUntil, w.DisabledAt, w.CreatedAt, w.UpdatedAt = fromMicros(until), fromMicros(disabled), fromMicros(created), fromMicros(updatedAt)
	return &w, nil
}

func webhookPlace(id string) string { return "webhooks.secret/" + id }

// WebhookSecrets opens the secrets that sign now: the current one, and the one
// before while it is valid.
func (s *Store) WebhookSecrets(w *Webhook, now time.Time) ([]string, error) {
	secret, err := s.vault.unseal(webhookPlace(w.ID), w.secret)
	if err != nil {
		return nil, fmt.Errorf("reading a webhook's secret: %w", err)
	}
	out := []string{secret}
	if len(w.old) > 0 && now.Before(w.OldUntil) {
		old, err := s.vault.unseal(webhookPlace(w.ID), w.old)
		if err != nil {
			return nil, fmt.Errorf("reading a webhook's secret: %w", err)
		}
		out = append(out, old)
	}
	return out, nil
}

// SetWebhookSecret seals a new secret into w, which has its ID. The one that it
// had signs too until the time given.
func (s *Store) SetWebhookSecret(w *Webhook, secret string, oldUntil time.Time) error {
	sealed, err := s.vault.seal(webhookPlace(w.ID), secret)
	if err != nil {
		return fmt.Errorf("keeping a webhook's secret: %w", err)
	}
	w.old, w.OldUntil = []byte{}, time.Time{}
	if len(w.secret) > 0 {
		w.old, w.OldUntil = w.secret, oldUntil
	}
	w.secret = sealed
	return nil
}

// Webhooks lists the webhooks of an account, oldest first.
func (s *Store) Webhooks(ctx context.Context, accountID string) ([]*Webhook, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+webhookColumns+fromWebhooks+"WHERE webhooks.account_id = $1 ORDER BY webhooks.created_at, webhooks.id", accountID)
	out, err := collect(rows, err, scanWebhook)
	return out, doing("listing webhooks", err)
}

// CountWebhooks says how many the account has.
func (tx *Tx) CountWebhooks(ctx context.Context, accountID string) (n int, err error) {
	err = tx.q.QueryRowContext(ctx, "SELECT count(*) FROM webhooks WHERE account_id = $1", accountID).Scan(&n)
	return n, doing("counting webhooks", err)
}

// Webhook finds a webhook of the account, or ErrNotFound.
func (s *Store) Webhook(ctx context.Context, accountID, id string) (*Webhook, error) {
	return webhook(ctx, s.r, accountID, id)
}

// Webhook is the same inside the transaction.
func (tx *Tx) Webhook(ctx context.Context, accountID, id string) (*Webhook, error) {
	return webhook(ctx, tx.q, accountID, id)
}

func webhook(ctx context.Context, q conn, accountID, id string) (*Webhook, error) {
	w, err := scanWebhook(q.QueryRowContext(ctx, "SELECT "+webhookColumns+fromWebhooks+"WHERE webhooks.id = $1 AND webhooks.account_id = $2", Text(id), accountID))
	return w, missing("finding a webhook", err)
}

// InsertWebhook adds a webhook and its outlet. It locks the account.
func (tx *Tx) InsertWebhook(ctx context.Context, w *Webhook) error {
	w.Kind, w.Version = KindWebhook, 1
	if err := tx.AddOutlet(ctx, &w.Outlet); err != nil {
		return err
	}
	_, err := tx.q.ExecContext(ctx, `INSERT INTO webhooks (id, account_id, url, description, secret, old_secret, old_until, version, disabled_reason,
			disabled_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, 0, 1, '', 0, $7, $7)`,
		w.ID, w.AccountID, Text(w.URL), Text(w.Description), w.secret, []byte{}, micros(w.CreatedAt))
	return doing("storing a webhook", err)
}

// UpdateWebhook writes what can be changed of a webhook and of its outlet, and
// counts the version up. It locks the account, and wants to be called with
// that lock held since w was read. Moved says that the URL is another one, of
// which nothing bad is known.
func (tx *Tx) UpdateWebhook(ctx context.Context, w *Webhook, moved bool, now time.Time) error {
	if err := tx.SetOutlet(ctx, w.ID, w.Enabled, w.Patterns, now); err != nil {
		return err
	}
	if moved {
		if _, err := tx.q.ExecContext(ctx, "UPDATE outlets SET failing_since = 0, slow = 0, pause_until = 0 WHERE id = $1", w.ID); err != nil {
			return fmt.Errorf("changing an outlet: %w", err)
		}
	}
	w.Version++
	w.UpdatedAt = now
	if w.old == nil {
		w.old = []byte{}
	}
	_, err := tx.q.ExecContext(ctx, `UPDATE webhooks SET url = $1, description = $2, secret = $3, old_secret = $4, old_until = $5, version = $6,
			disabled_reason = $7, disabled_at = $8, updated_at = $9 WHERE id = $10`,
		Text(w.URL), Text(w.Description), w.secret, w.old, micros(w.OldUntil), w.Version, w.DisabledReason, micros(w.DisabledAt), micros(now), w.ID)
	return doing("changing a webhook", err)
}

// DeleteWebhook forgets a webhook and its deliveries, or ErrNotFound. The
// secrets are overwritten first, as a deleted row may stay in the file for a
// while.
func (tx *Tx) DeleteWebhook(ctx context.Context, accountID, id string) error {
	if _, err := tx.Webhook(ctx, accountID, id); err != nil {
		return err
	}
	if err := tx.DeleteOutlet(ctx, id); err != nil {
		return err
	}
	zeros := "decode(repeat('00', length(secret)), 'hex')"
	if tx.s.engine == SQLite {
		zeros = "zeroblob(length(secret))"
	}
	if _, err := tx.q.ExecContext(ctx, "UPDATE webhooks SET old_secret = "+zeros+", secret = "+zeros+" WHERE id = $1", id); err != nil {
		return fmt.Errorf("forgetting a webhook: %w", err)
	}
	_, err := tx.q.ExecContext(ctx, "DELETE FROM webhooks WHERE id = $1", id)
	return doing("forgetting a webhook", err)
}
