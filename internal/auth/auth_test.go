package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// memory is a TokenStore that counts its calls.
type memory struct {
	mu       sync.Mutex
	accounts []zonehold.Account
	tokens   []store.Token
	lookups  int
	touches  int
	onLookup func() // runs after a row was read
}

func (m *memory) CreateAccount(_ context.Context, a zonehold.Account, _ ...store.Audit) (zonehold.Account, error) {
	for _, b := range m.accounts {
		if b.Name == a.Name {
			return a, store.ErrExists
		}
	}
	a.Number = int64(len(m.accounts) + 1)
	a.ID = "acc_" + string(rune('a'+len(m.accounts)))
	m.accounts = append(m.accounts, a)
	return a, nil
}

func (m *memory) AccountByName(_ context.Context, name string) (zonehold.Account, error) {
	for _, a := range m.accounts {
		if a.Name == name {
			return a, nil
		}
	}
	return zonehold.Account{}, store.ErrNotFound
}

func (m *memory) Account(_ context.Context, id string) (zonehold.Account, error) {
	for _, a := range m.accounts {
		if a.ID == id {
			return a, nil
		}
	}
	return zonehold.Account{}, store.ErrNotFound
}

func (m *memory) Accounts(context.Context) ([]zonehold.Account, error) { return m.accounts, nil }

func (m *memory) InsertToken(_ context.Context, t store.Token, _ ...store.Audit) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tokens = append(m.tokens, t)
	return nil
}

func (m *memory) TokenByHash(ctx context.Context, h [32]byte) (store.Token, zonehold.Account, error) {
	m.mu.Lock()
	m.lookups++
	var found *store.Token
	for _, t := range m.tokens {
		if t.Hash == h {
			found = &t
		}
	}
	m.mu.Unlock()
	if m.onLookup != nil {
		m.onLookup()
	}
	if found == nil {
		return store.Token{}, zonehold.Account{}, store.ErrNotFound
	}
	a, err := m.Account(ctx, found.AccountID)
	return *found, a, err
}

func (m *memory) Tokens(_ context.Context, accountID string) (out []store.Token, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tokens {
		if t.AccountID == accountID {
			out = append(out, t)
		}
	}
	return out, nil
}

func (m *memory) RevokeToken(_ context.Context, accountID, id string, _ ...store.Audit) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, t := range m.tokens {
		if t.ID == id && t.AccountID == accountID {
			m.tokens[i].RevokedAt = time.Now()
			return nil
		}
	}
	return store.ErrNotFound
}

func (m *memory) TouchToken(_ context.Context, id string, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.touches++
	for i, t := range m.tokens {
		if t.ID == id {
			m.tokens[i].LastUsedAt = at
		}
	}
	return nil
}

func setup(t *testing.T) (*Auth, *memory, zonehold.Account) {
	t.Helper()
	m := &memory{}
	a := New(m)
	t.Cleanup(a.Close)
	acc, err := a.CreateAccount(t.Context(), "anna", "anna@example.com", true)
	if err != nil {
		t.Fatal(err)
	}
	return a, m, acc
}

func TestTokenForm(t *testing.T) {
	form := regexp.MustCompile(`^zhp_[a-z2-7]{40}$`)
	seen := map[string]bool{}
	for range 1000 {
		tok := newToken()
		if !form.MatchString(tok) || !WellFormed(tok) || seen[tok] {
			t.Fatalf("bad token %q", tok)
		}
		seen[tok] = true
		// Any one changed character breaks the checksum.
		for _, i := range []int{4, 20, len(tok) - 1} {
			c := byte('a')
			if tok[i] == 'a' {
				c = 'b'
			}
			if bad := tok[:i] + string(c) + tok[i+1:]; WellFormed(bad) {
				t.Fatalf("%q accepted", bad)
			}
		}
	}
	for _, bad := range []string{"", "zhp_", strings.ToUpper(newToken()), newToken() + "a", newToken()[:43] + "\n", "xyz_" + newToken()[4:]} {
		if WellFormed(bad) {
			t.Errorf("%q accepted", bad)
		}
	}
}

func TestAuthenticate(t *testing.T) {
	a, m, acc := setup(t)
	tok, row, err := a.Issue(t.Context(), acc.ID, " ci ", nil)
	if err != nil {
		t.Fatal(err)
	}
	if row.Name != "ci" || row.Prefix != tok[:10] || strings.Contains(row.Prefix, tok[10:]) || row.Hash != hash(tok) {
		t.Errorf("row %+v", row)
	}
	want := zonehold.Actor{Account: acc, TokenID: row.ID, Scopes: DefaultScopes()}
	for range 3 {
		got, err := a.Authenticate(t.Context(), tok)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
	if m.lookups != 1 {
		t.Errorf("%d look-ups of a cached token", m.lookups)
	}
	for _, bad := range []string{"", "x", tok[:43] + "0", strings.Repeat("zhp_", 11)} {
		if _, err := a.Authenticate(t.Context(), bad); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if m.lookups != 1 {
		t.Error("a malformed token reached the store")
	}
	if _, err := a.Authenticate(t.Context(), newToken()); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("unknown token: %v", err)
	}
}

// Who holds a token of a lesser kind cannot make one of the operator.
func TestOperatorScope(t *testing.T) {
	a, m, acc := setup(t)
	before := len(m.tokens)
	for _, scopes := range [][]zonehold.Scope{{zonehold.ScopeOperator}, {zonehold.ScopeAdmin, zonehold.ScopeOperator}, {"admin,operator"}, {"admin operator"}} {
		if text, _, err := a.Issue(t.Context(), acc.ID, "x", scopes); !errors.Is(err, ErrInvalid) || text != "" {
			t.Errorf("%q: %v", scopes, err)
		}
	}
	if len(m.tokens) != before {
		t.Errorf("%d tokens were stored", len(m.tokens)-before)
	}
	text, _, err := a.Grant(t.Context(), acc.ID, "x", []zonehold.Scope{zonehold.ScopeOperator})
	if err != nil {
		t.Fatal(err)
	}
	actor, err := a.Authenticate(t.Context(), text)
	if err != nil || !actor.Allows(zonehold.ScopeOperator) || actor.Allows(zonehold.ScopeDomainsRead) {
		t.Errorf("%+v, %v", actor, err)
	}
	text, _, err = a.Issue(t.Context(), acc.ID, "x", []zonehold.Scope{zonehold.ScopeAdmin})
	if err != nil {
		t.Fatal(err)
	}
	if actor, err := a.Authenticate(t.Context(), text); err != nil || actor.Allows(zonehold.ScopeOperator) {
		t.Errorf("admin is taken for the operator: %+v, %v", actor, err)
	}
	for _, s := range DefaultScopes() {
		if s == zonehold.ScopeOperator || s == zonehold.ScopeAdmin {
			t.Errorf("%s is given without being asked for", s)
		}
	}
}

func TestRevoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, m, acc := setup(t)
		other := New(m) // another process
		tok, row, err := a.Issue(t.Context(), acc.ID, "ci", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []*Auth{a, other} {
			if _, err := p.Authenticate(t.Context(), tok); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Revoke(t.Context(), "acc_other", row.ID); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("another account's token: %v", err)
		}
		if err := a.Revoke(t.Context(), acc.ID, row.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Authenticate(t.Context(), tok); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("revoked here: %v", err)
		}
		time.Sleep(CacheLife)
		if _, err := other.Authenticate(t.Context(), tok); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("revoked elsewhere, after CacheLife: %v", err)
		}
		other.Close()
	})
}

// A look-up that read the row just before the revocation must not put the
// token back into the cache.
func TestRevokeDuringLookup(t *testing.T) {
	a, m, acc := setup(t)
	tok, row, err := a.Issue(t.Context(), acc.ID, "ci", nil)
	if err != nil {
		t.Fatal(err)
	}
	m.onLookup = func() {
		m.onLookup = nil
		if err := a.Revoke(t.Context(), acc.ID, row.ID); err != nil {
			t.Error(err)
		}
	}
	_, _ = a.Authenticate(t.Context(), tok)
	if _, err := a.Authenticate(t.Context(), tok); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("the revoked token stayed in the cache: %v", err)
	}
}

func TestTouch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, m, acc := setup(t)
		tok, err := a.Create(t.Context(), acc.ID, "ci", nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 130 {
			if _, err := a.Authenticate(t.Context(), tok); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if m.touches < 2 || m.touches > 3 {
			t.Errorf("%d touches in 130 s, want one a minute", m.touches)
		}
	})
}

func TestCacheIsBounded(t *testing.T) {
	a, m, acc := setup(t)
	for range cacheSize + 10 {
		h := [32]byte{}
		m.mu.Lock()
		m.lookups++
		h[0], h[1], h[2] = byte(m.lookups), byte(m.lookups>>8), byte(m.lookups>>16)
		m.mu.Unlock()
		a.remember(h, cached{actor: zonehold.Actor{Account: acc}, expires: time.Now().Add(time.Hour)}, 0)
	}
	if len(a.cache) > cacheSize {
		t.Errorf("%d entries", len(a.cache))
	}
}

func TestParseScopes(t *testing.T) {
	tests := []struct {
		in   []string
		want []zonehold.Scope
	}{
		{nil, DefaultScopes()},
		{[]string{"domains:read"}, []zonehold.Scope{"domains:read"}},
		{[]string{"domains:read,checks:run", "domains:read admin"}, []zonehold.Scope{"domains:read", "checks:run", "admin"}},
	}
	for _, tt := range tests {
		got, err := ParseScopes(tt.in...)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := ParseScopes("domains:admin"); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "checks:run") {
		t.Errorf("unknown scope: %v", err)
	}
}

func TestAccounts(t *testing.T) {
	a, _, acc := setup(t)
	for _, ref := range []string{acc.ID, "anna"} {
		if got, err := a.FindAccount(t.Context(), ref); err != nil || got != acc {
			t.Errorf("%s: %+v, %v", ref, got, err)
		}
	}
	if _, err := a.CreateAccount(t.Context(), "anna", "", false); !errors.Is(err, store.ErrExists) {
		t.Errorf("taken name: %v", err)
	}
	for name, in := range map[string][2]string{
		"empty": {" ", ""}, "control": {"a\x1b[31m", ""}, "bidi": {"a\u202eb", ""}, "long": {strings.Repeat("é", 101), ""},
		"utf8": {"a\xff", ""}, "id": {"acc_x", ""}, "mail": {"bob", "bob"}, "mail with name": {"bob", "Bob <bob@example.com>"},
	} {
		if _, err := a.CreateAccount(t.Context(), in[0], in[1], false); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := a.CreateAccount(t.Context(), "bob", "", true); !errors.Is(err, ErrInvalid) {
		t.Errorf("confirmed nothing: %v", err)
	}
}

func TestFromRequest(t *testing.T) {
	yandex := []Scheme{OAuth, Bearer, QueryToken}
	tests := []struct {
		name    string
		schemes []Scheme
		headers []string
		query   string
		want    string // "": refused
		none    bool   // ErrNoCredentials
	}{
		{"bearer", []Scheme{Bearer}, []string{"Bearer abc"}, "", "abc", false},
		{"case and blanks", []Scheme{Bearer}, []string{"bEARER   abc"}, "", "abc", false},
		{"oauth", yandex, []string{"OAuth abc"}, "", "abc", false},
		{"jwt", []Scheme{JWT}, []string{"JWT abc"}, "", "abc", false},
		{"query", yandex, nil, "a=b&oauth_token=abc", "abc", false},
		{"query not asked for", []Scheme{Bearer}, nil, "oauth_token=abc", "", true},
		{"nothing", yandex, nil, "", "", true},
		{"empty query", yandex, nil, "oauth_token=", "", true},
		{"other scheme", []Scheme{Bearer}, []string{"Basic abc"}, "", "", false},
		{"scheme as oauth_token", yandex, []string{"oauth_token abc"}, "", "", false},
		{"no token", []Scheme{Bearer}, []string{"Bearer"}, "", "", false},
		{"empty token", []Scheme{Bearer}, []string{"Bearer  "}, "", "", false},
		{"two headers", []Scheme{Bearer}, []string{"Bearer abc", "Bearer abc"}, "", "", false},
		{"header and query", yandex, []string{"OAuth abc"}, "oauth_token=abc", "", false},
		{"two in query", yandex, nil, "oauth_token=a&oauth_token=b", "", false},
		{"bad query", yandex, nil, "oauth_token=a&b=%zz", "", false},
		{"list", []Scheme{Bearer}, []string{"Bearer a, Bearer b"}, "", "", false},
		{"control", []Scheme{Bearer}, []string{"Bearer a\tb"}, "", "", false},
		{"long", []Scheme{Bearer}, []string{"Bearer " + strings.Repeat("a", 10_000)}, "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequest(http.MethodGet, "http://localhost/?"+tt.query, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header["Authorization"] = tt.headers
			got, err := FromRequest(r, tt.schemes...)
			if got != tt.want || (err != nil) != (tt.want == "") {
				t.Fatalf("got %q, %v", got, err)
			}
			if err != nil && !errors.Is(err, ErrUnauthenticated) || errors.Is(err, ErrNoCredentials) != tt.none {
				t.Errorf("error %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "abc") {
				t.Errorf("error shows the token: %v", err)
			}
		})
	}
}

func FuzzFromRequest(f *testing.F) {
	f.Add("Bearer abc", "oauth_token=x")
	f.Add("bearer  ", "%")
	f.Fuzz(func(t *testing.T, header, query string) {
		r := &http.Request{Header: http.Header{}}
		r.URL = &url.URL{Path: "/", RawQuery: query}
		if header != "" {
			r.Header["Authorization"] = []string{header}
		}
		tok, err := FromRequest(r, Bearer, OAuth, JWT, QueryToken)
		if (tok == "") != (err != nil) || strings.ContainsAny(tok, " \t\r\n\"'<>") {
			t.Errorf("%q %v", tok, err)
		}
		if WellFormed(tok) && len(tok) != TokenLength {
			t.Errorf("%q", tok)
		}
	})
}
