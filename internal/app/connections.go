package app

import (
	"context"
	"fmt"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/verify"
)

// Provider talks to one DNS provider.
type Provider interface {
	// Open makes an account of credentials that were stored, asking nobody.
	Open(id, name string, credentials map[string]string) (verify.ZoneAccount, error)
	// Test tries credentials, and names them by a hint that is no secret.
	// Errors are zonehold.ErrProviderCredentials or ErrProviderUnavailable,
	// wrapped with the reason.
	Test(ctx context.Context, credentials map[string]string) (hint string, err error)
}

// zoneAccounts are the account's connections as checks use them.
func (a *App) zoneAccounts(ctx context.Context, accountID string) ([]verify.ZoneAccount, error) {
	found, err := a.store.Connections(ctx, accountID)
	if err != nil {
		return nil, err
	}
	var out []verify.ZoneAccount
	for _, c := range found {
		p, ok := a.cfg.Providers[c.Provider]
		if !ok {
			continue
		}
		credentials, err := a.store.Credentials(c)
		if err != nil {
			out = append(out, closedAccount{c.Connection, errSealed})
			continue
		}
		account, err := p.Open(c.ID, c.Name, credentials)
		if err != nil {
			account = closedAccount{c.Connection, err}
		}
		out = append(out, account)
	}
	return out, nil
}

// errSealed says that the operator's key is not the one the credentials were
// stored with. The person can only give them again.
var errSealed = fmt.Errorf("%w: they were stored under another secret key of this service; connect the account again",
	zonehold.ErrProviderCredentials)

// closedAccount is one that cannot be asked.
type closedAccount struct {
	zonehold.Connection
	err error
}

func (c closedAccount) ID() string                { return c.Connection.ID }
func (c closedAccount) Name() string              { return c.Connection.Name }
func (c closedAccount) Provider() zonehold.Method { return c.Connection.Provider }

func (c closedAccount) Zones(context.Context, []string) ([]zonehold.HostedZone, error) {
	return nil, c.err
}
