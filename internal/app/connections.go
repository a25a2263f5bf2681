package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/problem"
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

// Events around connected accounts.
const (
	EventConnectionCreated zonehold.EventType = "connection.created"
	EventConnectionRemoved zonehold.EventType = "connection.removed"
)

const (
	connectionLimit = 20               // of one account
	connectionName  = 100              // characters
	providerLimit   = 10 * time.Second // of one test
	maxCredentials  = 16 << 10         // bytes, names and values
)

// providerNames are shown where a person gave no name.
var providerNames = map[zonehold.Method]string{
	zonehold.MethodAWSRoute53: "Amazon Route 53",
	zonehold.MethodCloudflare: "Cloudflare",
}

// Connect tests the credentials, and stores them encrypted if they work.
func (a *App) Connect(ctx context.Context, actor zonehold.Actor, in NewConnection) (*zonehold.Connection, error) {
	if err := allow(actor, zonehold.ScopeDomainsWrite); err != nil {
		return nil, err
	}
	p, ok := a.cfg.Providers[in.Provider]
	if !ok {
		return nil, invalid("provider", "Accounts can be connected at: "+a.providerList()+".")
	}
	name, err := connectionNamed(in.Name)
	if err != nil {
		return nil, err
	}
	size := 0
	for k, v := range in.Credentials {
		size += len(k) + len(v)
	}
	if size > maxCredentials {
		return nil, invalid("credentials", "These credentials are longer than any that a provider gives out.")
	}
	if _, err := p.Open("", name, in.Credentials); err != nil {
		return nil, invalid("credentials", sentenceOf(reason(err, in.Credentials)))
	}
	account := actor.Account.ID
	had, err := a.store.Connections(ctx, account)
	if err == nil {
		err = placeFor(had, name)
	}
	if err != nil {
		return nil, a.ours(ctx, "account", err)
	}
	hint, err := a.test(ctx, p, in.Credentials)
	if err != nil {
		return nil, providerRefusal(ctx, in.Provider, err, in.Credentials)
	}
	now := a.now()
	c := &store.Connection{Connection: zonehold.Connection{
		ID: zonehold.NewID(zonehold.PrefixConnection), AccountID: account, Provider: in.Provider,
		Hint: problem.Clean(hint, 8), TestedAt: now, CreatedAt: now,
	}}
	switch err := a.store.SetCredentials(c, in.Credentials); {
	case errors.Is(err, store.ErrNoKey):
		return nil, &Error{Kind: KindUnavailable, Message: "Credentials cannot be kept: the operator has set no secret key."}
	case err != nil:
		return nil, a.ours(ctx, "account", err)
	}
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.LockAccount(ctx, account); err != nil {
			return err
		}
		had, err := tx.Connections(ctx, account)
		if err == nil {
			err = placeFor(had, name)
		}
		if err != nil {
			return err
		}
		if c.Name = name; name == "" {
			c.Name = freeName(had, providerNames[in.Provider])
		}
		if err := tx.InsertConnection(ctx, c); err != nil {
			return err
		}
		if err := a.audit(ctx, tx, actor, "connection.create", c.ID, map[string]any{"name": c.Name, "provider": string(c.Provider)}); err != nil {
			return err
		}
		if err := a.lookAgain(ctx, tx, account); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, []*zonehold.Event{connectionEvent(EventConnectionCreated, &c.Connection, now)})
	})
	if err != nil {
		return nil, a.ours(ctx, "account", err)
	}
	a.wake.ring(account)
	return &c.Connection, nil
}

func (a *App) providerList() string {
	var names []string
	for _, m := range a.providers() {
		names = append(names, string(m))
	}
	if len(names) == 0 {
		return "no provider, as this service has none set up"
	}
	return strings.Join(names, ", ")
}

// connectionNamed checks a name as typed; "" stays so.
func connectionNamed(typed string) (string, error) {
	name := strings.TrimSpace(typed)
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > connectionName || problem.Clean(name, connectionName) != name {
		return "", invalid("name", fmt.Sprintf("A name has at most %d printable characters.", connectionName))
	}
	return name, nil
}

// placeFor refuses one connection too many, and a name that is taken.
func placeFor(had []*store.Connection, name string) error {
	if len(had) >= connectionLimit {
		return &Error{Kind: KindLimit, Limit: connectionLimit,
			Message: fmt.Sprintf("The account has %d connections, which is the limit. Remove one first.", len(had))}
	}
	for _, c := range had {
		if c.Name == name {
			return &Error{Kind: KindConflict, Field: "name", Message: "The account has a connection of this name. Choose another name, or remove that one."}
		}
	}
	return nil
}

// freeName numbers a name that is taken.
func freeName(had []*store.Connection, name string) string {
	taken := make(map[string]bool, len(had))
	for _, c := range had {
		taken[c.Name] = true
	}
	free := name
	for n := 2; taken[free]; n++ {
		free = fmt.Sprintf("%s %d", name, n)
	}
	return free
}

func connectionEvent(t zonehold.EventType, c *zonehold.Connection, now time.Time) *zonehold.Event {
	return newEvent(t, c.AccountID, "", now, map[string]any{
		"connection_id": c.ID, "provider": string(c.Provider), "name": c.Name,
	})
}

func (a *App) test(ctx context.Context, p Provider, credentials map[string]string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, providerLimit)
	defer cancel()
	return p.Test(ctx, credentials)
}

// providerRefusal explains why credentials were not taken.
func providerRefusal(ctx context.Context, provider zonehold.Method, err error, credentials map[string]string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("testing credentials: %w", ctx.Err())
	}
	facts := problem.Facts{problem.FactProvider: providerNames[provider], problem.FactDetail: reason(err, credentials)}
	if errors.Is(err, zonehold.ErrProviderCredentials) {
		p := problem.New("provider_token_rejected", facts)
		return &Error{Kind: KindRefused, Field: "credentials", Problem: &p, Message: "The provider does not accept the credentials. Nothing was stored."}
	}
	p := problem.New("provider_unavailable", facts)
	return &Error{Kind: KindUnavailable, Problem: &p, RetryAfter: 5 * time.Minute,
		Message: "The provider could not be asked, so the credentials were not stored. Try again in a few minutes."}
}

// reason is the text of a provider's error for people: without what the kind
// of error says already, and without the credentials, which a provider may
// repeat.
func reason(err error, credentials map[string]string) string {
	text := err.Error()
	for _, kind := range []error{zonehold.ErrProviderCredentials, zonehold.ErrProviderUnavailable} {
		if _, after, ok := strings.Cut(text, kind.Error()+": "); ok {
			text = after
		}
	}
	for _, secret := range credentials {
		if secret = strings.TrimSpace(secret); len(secret) >= 4 {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	return problem.Clean(text, 160)
}

// sentenceOf makes a sentence of a clause.
func sentenceOf(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + strings.TrimSuffix(s[n:], ".") + "."
}

// Connections lists the account's connections, oldest first.
func (a *App) Connections(ctx context.Context, actor zonehold.Actor) ([]*zonehold.Connection, error) {
	if err := allow(actor, zonehold.ScopeDomainsRead); err != nil {
		return nil, err
	}
	found, err := a.store.Connections(ctx, actor.Account.ID)
	if err != nil {
		return nil, a.ours(ctx, "connection", err)
	}
	out := make([]*zonehold.Connection, len(found))
	for i, c := range found {
		out[i] = &c.Connection
	}
	return out, nil
}

// TestConnection tries the stored credentials now; a failed test is not an
// error, it is in the Connection.
func (a *App) TestConnection(ctx context.Context, actor zonehold.Actor, id string) (*zonehold.Connection, error) {
	if err := allow(actor, zonehold.ScopeDomainsWrite); err != nil {
		return nil, err
	}
	account := actor.Account.ID
	c, err := a.store.Connection(ctx, account, id)
	if err != nil {
		return nil, a.ours(ctx, "connection", err)
	}
	c.TestError = a.testStored(ctx, c)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("testing a connection: %w", ctx.Err())
	}
	c.TestedAt = a.now()
	err = a.store.InTx(ctx, func(tx *store.Tx) error {
		if err := tx.SetConnectionTest(ctx, account, id, c.TestedAt, c.TestError); err != nil {
			return err
		}
		return a.audit(ctx, tx, actor, "connection.test", id, map[string]any{"name": c.Name, "works": c.TestError == ""})
	})
	if err != nil {
		return nil, a.ours(ctx, "connection", err)
	}
	return &c.Connection, nil
}

// testStored says why stored credentials do not work, "" if they do.
func (a *App) testStored(ctx context.Context, c *store.Connection) string {
	p, ok := a.cfg.Providers[c.Provider]
	if !ok {
		return "This service is not set up for the provider any more."
	}
	credentials, err := a.store.Credentials(c)
	if err != nil {
		a.log.WarnContext(ctx, "credentials do not open", "connection", c.ID, "err", err)
		return sentenceOf(reason(errSealed, nil))
	}
	if _, err := a.test(ctx, p, credentials); err != nil {
		what := "The provider does not accept the credentials: "
		if !errors.Is(err, zonehold.ErrProviderCredentials) {
			what = "The provider could not be asked: "
		}
		return what + strings.TrimSuffix(reason(err, credentials), ".") + "."
	}
	return ""
}

// Disconnect forgets the credentials. KindConflict while proofs rest on it,
// unless force; they then lapse.
func (a *App) Disconnect(ctx context.Context, actor zonehold.Actor, id string, force bool) error {
	if err := allow(actor, zonehold.ScopeDomainsWrite); err != nil {
		return err
	}
	c, err := a.store.Connection(ctx, actor.Account.ID, id)
	if err != nil {
		return a.ours(ctx, "connection", err)
	}
	return a.forget(ctx, "connection", force, loss{
		source: store.Source{ID: c.ID, AccountID: c.AccountID}, code: "provider_not_connected",
		facts: problem.Facts{problem.FactProvider: providerNames[c.Provider], problem.FactDetail: fmt.Sprintf("The connection %q was removed.", c.Name)},
	}, func(tx *store.Tx, now time.Time) (*zonehold.Event, error) {
		if err := a.audit(ctx, tx, actor, "connection.delete", c.ID, map[string]any{"name": c.Name, "force": force}); err != nil {
			return nil, err
		}
		return connectionEvent(EventConnectionRemoved, &c.Connection, now), tx.DeleteConnection(ctx, c.AccountID, c.ID)
	})
}

// forget removes what proofs may rest on, and lapses them. Without force it
// does nothing if there are any.
func (a *App) forget(ctx context.Context, what string, force bool, l loss,
	remove func(tx *store.Tx, now time.Time) (*zonehold.Event, error)) error {
	w := withdrawal{loss: l, end: func(tx *store.Tx, now time.Time) ([]*zonehold.Event, error) {
		event, err := remove(tx, now)
		return []*zonehold.Event{event}, err
	}}
	if !force {
		w.allow = func(n int) error {
			if n == 0 {
				return nil
			}
			return &Error{Kind: KindConflict, Message: fmt.Sprintf("The proofs of %d domains rest on this %s. Remove it by force if they may lapse.", n, what)}
		}
	}
	_, err := a.withdraw(ctx, w)
	return a.ours(ctx, what, err)
}
