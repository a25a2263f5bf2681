package app

import (
	"context"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/verify"
)

// mailboxLife is how long a code shows that the account reads a mailbox: the
// re-use period of domain validations in the Baseline Requirements, section
// 4.2.1, since 2026-03-15. Afterwards the address counts as not confirmed, so
// that what was proved by it is at risk, and a new code is asked for.
const mailboxLife = 200 * 24 * time.Hour

// mailboxNow is a stored mailbox as it counts now. False: it is no address in
// our strict reading, and counts for nothing.
func mailboxNow(m zonehold.Mailbox, now time.Time) (zonehold.Mailbox, bool) {
	address, err := zonehold.ParseMailAddress(m.Address)
	if err != nil {
		return m, false
	}
	m.Address = string(address)
	if m.ConfirmedBy == store.ConfirmedByCode && now.Sub(m.ConfirmedAt) > mailboxLife {
		m.ConfirmedAt, m.ConfirmedBy = time.Time{}, ""
	}
	return m, true
}

// addresses are the account's mail addresses as checks use them.
func (a *App) addresses(ctx context.Context, accountID string) ([]verify.Address, error) {
	found, err := a.store.Mailboxes(ctx, accountID)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	var out []verify.Address
	for _, m := range found {
		if mailbox, ok := mailboxNow(m.Mailbox, now); ok {
			out = append(out, verify.Address{Mailbox: mailbox, Sharers: m.Sharers})
		}
	}
	return out, nil
}
