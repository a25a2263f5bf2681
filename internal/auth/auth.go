// Package auth makes and checks API tokens and reads them from requests.
package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

var (
	// ErrUnauthenticated: no token, or one that is malformed, unknown or
	// revoked. Its text may be shown to the caller.
	ErrUnauthenticated = errors.New("the request is not authenticated")
	// ErrNoCredentials is the ErrUnauthenticated of a request without any.
	ErrNoCredentials = fmt.Errorf("%w: it carries no token", ErrUnauthenticated)
	// ErrInvalid: a name, an address or a scope is not acceptable; the text
	// says what to change.
	ErrInvalid = errors.New("invalid")
)

// Errors of the store that callers tell apart.
var (
	ErrNotFound = store.ErrNotFound
	ErrExists   = store.ErrExists
)

// Token is a token as it is kept: its hash, not its text.
type Token = store.Token

// TokenStore is what this package needs of the store.
type TokenStore interface {
	CreateAccount(ctx context.Context, a zonehold.Account, entries ...store.Audit) (zonehold.Account, error)
	AccountByName(ctx context.Context, name string) (zonehold.Account, error)
	Account(ctx context.Context, id string) (zonehold.Account, error)
	Accounts(ctx context.Context) ([]zonehold.Account, error)
	InsertToken(ctx context.Context, t store.Token, entries ...store.Audit) error
	TokenByHash(ctx context.Context, hash [32]byte) (store.Token, zonehold.Account, error)
	Tokens(ctx context.Context, accountID string) ([]store.Token, error)
	RevokeToken(ctx context.Context, accountID, id string, entries ...store.Audit) error
	TouchToken(ctx context.Context, id string, at time.Time) error
}

var _ TokenStore = (*store.Store)(nil)

const (
	// CacheLife bounds how long a revoked token still works in processes
	// other than the one that revoked it.
	CacheLife = 3 * time.Second

	cacheSize  = 4096        // tokens
	touchEvery = time.Minute // precision of LastUsedAt
	touchLimit = 5 * time.Second
	maxName    = 100 // characters of a name
)

// Auth checks tokens against the store. Safe for concurrent use.
type Auth struct {
	store TokenStore

	mu    sync.RWMutex
	cache map[[32]byte]cached
	gen   uint64 // counts revocations; see remember

	touch   sync.Mutex // held while a token is being touched
	pending sync.WaitGroup
}

type cached struct {
	actor   zonehold.Actor
	expires time.Time
}

// New makes an Auth over the store.
func New(s TokenStore) *Auth {
	return &Auth{store: s, cache: map[[32]byte]cached{}}
}

// Close waits for background writes.
func (a *Auth) Close() { a.pending.Wait() }

// Authenticate finds whose token it is. ErrUnauthenticated: nobody's; any
// other error means that the store could not be asked.
func (a *Auth) Authenticate(ctx context.Context, token string) (zonehold.Actor, error) {
	if !WellFormed(token) {
		return zonehold.Actor{}, fmt.Errorf("%w: this is not a token of this service", ErrUnauthenticated)
	}
	h := hash(token)
	now := time.Now()
	a.mu.RLock()
	c, ok := a.cache[h]
	gen := a.gen
	a.mu.RUnlock()
	if ok && now.Before(c.expires) {
		return c.actor, nil
	}
	t, account, err := a.store.TokenByHash(ctx, h)
	if errors.Is(err, store.ErrNotFound) {
		return zonehold.Actor{}, fmt.Errorf("%w: the token is not known", ErrUnauthenticated)
	}
	if err != nil {
		return zonehold.Actor{}, fmt.Errorf("looking up the token: %w", err)
	}
	if !t.RevokedAt.IsZero() {
		return zonehold.Actor{}, fmt.Errorf("%w: the token was revoked", ErrUnauthenticated)
	}
	actor := zonehold.Actor{Account: account, TokenID: t.ID, Scopes: t.Scopes}
	a.remember(h, cached{actor: actor, expires: now.Add(CacheLife)}, gen)
	if now.Sub(t.LastUsedAt) >= touchEvery {
		a.noteUse(t.ID, now)
	}
	return actor, nil
}

// remember caches, unless a token was revoked since the look-up began: the
// row that was read may be the one of before.
func (a *Auth) remember(h [32]byte, c cached, gen uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gen != gen {
		return
	}
	if len(a.cache) >= cacheSize {
		clear(a.cache) // rare, cheap, and the entries live for seconds only
	}
	a.cache[h] = c
}

// noteUse writes the time of use in the background, one at a time: a use that
// comes meanwhile is noted by a later request.
func (a *Auth) noteUse(id string, at time.Time) {
	if !a.touch.TryLock() {
		return
	}
	a.pending.Go(func() {
		defer a.touch.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), touchLimit)
		defer cancel()
		// Only information: a failure is seen again on the next use.
		_ = a.store.TouchToken(ctx, id, at)
	})
}

// Create makes a token of the account and returns its text, which is shown
// once and kept nowhere. No scopes means DefaultScopes.
func (a *Auth) Create(ctx context.Context, accountID, name string, scopes []zonehold.Scope) (string, error) {
	text, _, err := a.Grant(ctx, accountID, name, scopes)
	return text, err
}

// Issue makes a token for a request that came over the network. It never gives
// zonehold.ScopeOperator, whoever asks: ErrInvalid.
func (a *Auth) Issue(ctx context.Context, accountID, name string, scopes []zonehold.Scope) (string, Token, error) {
	scopes, err := parseAll(scopes) // an item may hold several
	if err != nil {
		return "", Token{}, err
	}
	if slices.Contains(scopes, zonehold.ScopeOperator) {
		return "", Token{}, fmt.Errorf("%w: only the command line on the server's own data gives the scope %s", ErrInvalid, zonehold.ScopeOperator)
	}
	return a.Grant(ctx, accountID, name, scopes)
}

func parseAll(scopes []zonehold.Scope) ([]zonehold.Scope, error) {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = string(s)
	}
	return ParseScopes(words...)
}

// Grant is Create that also returns the stored row. It gives any scope, and is
// for callers that hold the server's data in their hands.
func (a *Auth) Grant(ctx context.Context, accountID, name string, scopes []zonehold.Scope) (string, Token, error) {
	name, err := checkName(name)
	if err != nil {
		return "", Token{}, err
	}
	if scopes, err = parseAll(scopes); err != nil {
		return "", Token{}, err
	}
	text := newToken()
	now := time.Now().UTC().Truncate(time.Microsecond)
	t := Token{
		ID: zonehold.NewID(zonehold.PrefixToken), AccountID: accountID, Name: name, Prefix: text[:shownChars],
		Hash: hash(text), Scopes: scopes, CreatedAt: now,
	}
	made := entry(ctx, accountID, "token.create", t.ID, t.Name, map[string]any{"prefix": t.Prefix, "scopes": scopes})
	if err := a.store.InsertToken(ctx, t, made); err != nil {
		return "", Token{}, fmt.Errorf("storing the token: %w", err)
	}
	return text, t, nil
}

// Tokens lists the tokens of an account, oldest first, revoked ones too.
func (a *Auth) Tokens(ctx context.Context, accountID string) ([]Token, error) {
	tokens, err := a.store.Tokens(ctx, accountID)
	if err != nil {
		return nil, fmt.Errorf("listing tokens: %w", err)
	}
	return tokens, nil
}

// Revoke ends a token: at once in this process, within CacheLife in others.
// ErrNotFound when the account has no such token.
func (a *Auth) Revoke(ctx context.Context, accountID, id string) error {
	err := a.store.RevokeToken(ctx, accountID, id, entry(ctx, accountID, "token.revoke", id, "", nil))
	a.mu.Lock()
	a.gen++
	for h, c := range a.cache {
		if c.actor.TokenID == id {
			delete(a.cache, h)
		}
	}
	a.mu.Unlock()
	if err != nil {
		return fmt.Errorf("revoking the token: %w", err)
	}
	return nil
}

// CreateAccount makes an account. ErrExists when the name is taken.
// confirmed means that the operator vouches for the address.
func (a *Auth) CreateAccount(ctx context.Context, name, email string, confirmed bool) (zonehold.Account, error) {
	name, err := checkName(name)
	if err != nil {
		return zonehold.Account{}, err
	}
	if strings.HasPrefix(name, "acc_") {
		return zonehold.Account{}, fmt.Errorf("%w: a name cannot begin with acc_, which marks ids", ErrInvalid)
	}
	if email != "" {
		address, err := zonehold.ParseMailAddress(email)
		if err != nil {
			return zonehold.Account{}, fmt.Errorf("%w: the e-mail address is not one of the form name@example.com", ErrInvalid)
		}
		email = string(address)
	} else if confirmed {
		return zonehold.Account{}, fmt.Errorf("%w: give the e-mail address that is confirmed", ErrInvalid)
	}
	made := entry(ctx, "", "account.create", "", name, map[string]any{"email": email, "email_confirmed": confirmed})
	acc, err := a.store.CreateAccount(ctx, zonehold.Account{Name: name, Email: email, EmailConfirmed: confirmed}, made)
	if err != nil {
		return zonehold.Account{}, fmt.Errorf("creating account %s: %w", name, err)
	}
	return acc, nil
}

// FindAccount finds an account by id ("acc_…") or by name, or
// ErrNotFound.
func (a *Auth) FindAccount(ctx context.Context, ref string) (zonehold.Account, error) {
	if strings.HasPrefix(ref, "acc_") {
		return a.store.Account(ctx, ref)
	}
	return a.store.AccountByName(ctx, ref)
}

// Accounts lists all accounts by name.
func (a *Auth) Accounts(ctx context.Context) ([]zonehold.Account, error) {
	return a.store.Accounts(ctx)
}

// checkName admits 1 to 100 printable characters, outer blanks dropped.
func checkName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || utf8.RuneCountInString(name) > maxName || !utf8.ValidString(name) {
		return "", fmt.Errorf("%w: a name has 1 to %d characters", ErrInvalid, maxName)
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return "", fmt.Errorf("%w: a name holds only printable characters", ErrInvalid)
		}
	}
	return name, nil
}
