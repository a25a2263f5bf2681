package app

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/evidence"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
)

// bundled checks a bundle and returns it.
func bundled(t testing.TB, file []byte) *evidence.Bundle {
	t.Helper()
	r, err := evidence.Verify(bytes.NewReader(file), evidence.Options{})
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, file)
	}
	return r.Bundle
}

func trusted(t testing.TB, a *App) []ed25519.PublicKey {
	t.Helper()
	set, err := a.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := evidence.ParseJWKS(text)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func chainOf(t testing.TB, a *App, who zonehold.Actor) *evidence.Report {
	t.Helper()
	file, err := a.EvidenceChain(t.Context(), who, 0, 5000)
	if err != nil {
		t.Fatal(err)
	}
	r, err := evidence.Verify(bytes.NewReader(file), evidence.Options{Keys: trusted(t, a)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBundles(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := start1(t, s, Config{Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeVerified), PublicURL: "https://zonehold.example", Version: "1.2.3"}, impatient())
		who, other := actor(t, s, "alpha"), actor(t, s, "beta")
		d := create(t, a, who, "www.example.com")
		var ids []string
		for range 3 {
			ids = append(ids, wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodDNSTXT).ID).ID)
		}
		file, err := a.Evidence(t.Context(), who, ids[0])
		if err != nil {
			t.Fatal(err)
		}
		r, err := evidence.Verify(bytes.NewReader(file), evidence.Options{Keys: trusted(t, a)})
		if err != nil || !r.Origin {
			t.Fatal(err)
		}
		b, doc := r.Bundle, r.Entries[0].Document
		if b.Issuer != "https://zonehold.example" || b.Version != "1.2.3" || b.Scope != evidence.ScopeAttempt || b.Head.Seq != 3 || len(b.Entries) != 1 ||
			b.Entries[0].Link.AttemptID != ids[0] || b.Entries[0].Link.Seq != 1 || b.Entries[0].Link.Hostname != "www.example.com" {
			t.Errorf("%+v", b)
		}
		if doc.Version != 2 || doc.Software != "1.2.3" || doc.Perspective != "primary" || doc.Hostname != "www.example.com" || doc.Clock.Source != "system" ||
			doc.Clock.EndedAt.IsZero() || len(doc.Expected) != 1 || doc.Expected[0].Value != "token="+d.Tokens.TXT {
			t.Errorf("%+v", doc)
		}
		if _, err := a.Evidence(t.Context(), other, ids[0]); err == nil {
			t.Error("another account reads it")
		}

		// In two pages.
		file, err = a.DomainEvidence(t.Context(), who, "www.example.com", EvidenceQuery{Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		b = bundled(t, file)
		if len(b.Entries) != 2 || b.Next == "" || b.Entries[1].Link.AttemptID != ids[1] {
			t.Fatalf("%+v", b)
		}
		file, err = a.DomainEvidence(t.Context(), who, d.ID, EvidenceQuery{Limit: 2, Cursor: b.Next})
		if err != nil {
			t.Fatal(err)
		}
		if b = bundled(t, file); len(b.Entries) != 1 || b.Next != "" || b.Entries[0].Link.AttemptID != ids[2] {
			t.Errorf("%+v", b)
		}
		file, err = a.DomainEvidence(t.Context(), who, d.ID, EvidenceQuery{To: time.Now().Add(-time.Hour)})
		if err != nil || len(bundled(t, file).Entries) != 0 {
			t.Errorf("of the past: %v", err)
		}
		for _, q := range []EvidenceQuery{{Limit: -1}, {Limit: 101}, {Cursor: "x"}, {From: time.Now(), To: time.Now().Add(-time.Hour)}} {
			_, err := a.DomainEvidence(t.Context(), who, d.ID, q)
			wantKind(t, err, KindInvalid)
		}
		_, err = a.DomainEvidence(t.Context(), other, d.ID, EvidenceQuery{})
		wantKind(t, err, KindNotFound)

		if r := chainOf(t, a, who); len(r.Entries) != 3 || !r.Unbroken {
			t.Errorf("%+v", r)
		}
		if r := chainOf(t, a, other); len(r.Entries) != 0 || r.Bundle.Head.Seq != 0 {
			t.Errorf("%+v", r)
		}

		// A new key: the old evidence stands, and what is signed now has the new.
		olga := operator
		before, err := a.EvidenceKeys(t.Context(), olga)
		if err != nil || len(before) != 1 {
			t.Fatalf("%+v, %v", before, err)
		}
		k, err := a.RotateEvidenceKey(t.Context(), olga)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.RotateEvidenceKey(t.Context(), who); err == nil {
			t.Error("an account rotates the key of the service")
		}
		wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodDNSTXT).ID)
		file, err = a.DomainEvidence(t.Context(), who, d.ID, EvidenceQuery{})
		if err != nil {
			t.Fatal(err)
		}
		if b = bundled(t, file); len(b.Keys) != 2 || b.KeyID != k.ID || b.Entries[0].Link.KeyID != before[0].ID || b.Entries[3].Link.KeyID != k.ID {
			t.Errorf("%+v", b)
		}
		if r := chainOf(t, a, who); len(r.Entries) != 4 {
			t.Errorf("%+v", r)
		}
		if keys := trusted(t, a); len(keys) != 2 || evidence.KeyID(keys[0]) != k.ID {
			t.Errorf("%d keys", len(keys))
		}
	})
}

// Two processes on one database write one chain without a gap or a fork, with
// one key.
func TestChainOfTwoProcesses(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		if cfg.URL == "" {
			t.Skip("SQLite has one server")
		}
		one, two := storetest.Open(t, cfg), storetest.Open(t, cfg)
		apps := []*App{
			start1(t, one, Config{Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeVerified), ChecksPerMinute: -1, TargetChecksPerHour: -1}, impatient()),
			start1(t, two, Config{Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeVerified), ChecksPerMinute: -1, TargetChecksPerHour: -1}, impatient()),
		}
		who, other := actor(t, one, "alpha"), actor(t, one, "beta")
		var wg sync.WaitGroup
		const domains, each = 10, 4
		for i := range domains {
			wg.Go(func() {
				for j := range each {
					for k, w := range []zonehold.Actor{who, other} {
						a := apps[(i+j+k)%2]
						d, _, err := a.CreateDomain(t.Context(), w, CreateDomain{Hostname: fmt.Sprintf("h%d.example.com", i)})
						if err != nil {
							t.Error(err)
							return
						}
						at, err := a.StartAttempt(t.Context(), w, d.ID, zonehold.MethodDNSTXT, zonehold.TriggerRequest)
						if err == nil {
							_, err = a.WaitAttempt(t.Context(), w, at.ID)
						}
						if err != nil {
							t.Error(err)
							return
						}
					}
				}
			})
		}
		wg.Wait()
		for _, w := range []zonehold.Actor{who, other} {
			r := chainOf(t, apps[0], w)
			if len(r.Entries) < domains*each || !r.Unbroken || r.Bundle.Head.Seq != int64(len(r.Entries)) {
				t.Errorf("%d links, head %+v", len(r.Entries), r.Bundle.Head)
			}
		}
		if keys := trusted(t, apps[1]); len(keys) != 1 {
			t.Errorf("%d keys", len(keys))
		}
	})
}

// A process that has another secret key signs with one of its own.
func TestAnotherSecretKey(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, cfg store.Config) {
		if cfg.URL == "" {
			t.Skip("SQLite has one secret key")
		}
		for i, secret := range []string{"one secret of 32 bytes and some", "another one of 32 bytes and some"} {
			cfg.SecretKey = []byte(secret)
			s := storetest.Open(t, cfg)
			a := make1(t, s, Config{}, impatient())
			k, err := a.signerNow(t.Context())
			if err != nil || k.number != int64(i+1) {
				t.Errorf("key %d, %v", k.number, err)
			}
		}
	})
}

// Stock libraries accept what we sign, and nothing else.
func TestDomainToken(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		a := start1(t, s, Config{Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeVerified), PublicURL: "https://zonehold.example"}, impatient())
		who := actor(t, s, "alpha")
		d := create(t, a, who, "www.example.com")
		_, err := a.DomainToken(t.Context(), who, d.ID, NewDomainToken{})
		wantKind(t, err, KindConflict)
		at := wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodDNSTXT).ID)
		for _, in := range []NewDomainToken{{Life: time.Second}, {Life: 2 * time.Hour}, {Life: -1}, {Audience: string(make([]byte, 300))}} {
			_, err := a.DomainToken(t.Context(), who, d.ID, in)
			wantKind(t, err, KindInvalid)
		}
		tok, err := a.DomainToken(t.Context(), who, "www.example.com", NewDomainToken{Audience: "shop.example"})
		if err != nil {
			t.Fatal(err)
		}
		set, err := a.JWKS(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		var stock jose.JSONWebKeySet
		if err := json.Unmarshal(text, &stock); err != nil {
			t.Fatal(err)
		}
		parsed, err := jwt.ParseSigned(tok.Token, []jose.SignatureAlgorithm{jose.EdDSA})
		if err != nil {
			t.Fatal(err)
		}
		if h := parsed.Headers[0]; h.ExtraHeaders["typ"] != evidence.TokenType || h.KeyID != tok.KeyID {
			t.Errorf("%+v", h)
		}
		var (
			standard jwt.Claims
			ours     evidence.Claims
		)
		if err := parsed.Claims(&stock, &standard, &ours); err != nil {
			t.Fatal(err)
		}
		expected := jwt.Expected{Issuer: "https://zonehold.example", Subject: "www.example.com", AnyAudience: []string{"shop.example"}, Time: time.Now()}
		if err := standard.ValidateWithLeeway(expected, 0); err != nil {
			t.Error(err)
		}
		expected.Time = time.Now().Add(time.Hour)
		if err := standard.ValidateWithLeeway(expected, 0); !errors.Is(err, jwt.ErrExpired) {
			t.Errorf("an hour later: %v", err)
		}
		if ours.State != "verified" || ours.Assurance != "dns" || ours.AttemptID != at.ID || len(ours.EvidenceSHA256) != 64 || ours.AccountID != who.Account.ID ||
			ours.Recheck != "keep" || ours.VerifiedAt == 0 {
			t.Errorf("%+v", ours)
		}
		if _, err := evidence.VerifyToken(tok.Token, trusted(t, a), "shop.example", time.Now()); err != nil {
			t.Error(err)
		}
		if _, err := jwt.ParseSigned(tok.Token, []jose.SignatureAlgorithm{jose.ES256}); err == nil {
			t.Error("another algorithm is accepted")
		}
		stranger := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: evidence.NewSigner().Public(), KeyID: tok.KeyID, Algorithm: "EdDSA", Use: "sig"}}}
		if err := parsed.Claims(&stranger, &standard); err == nil {
			t.Error("another key is accepted")
		}
		// The rights end, and so do the tokens.
		if err := a.DeleteDomain(t.Context(), who, d.ID, 0); err != nil {
			t.Fatal(err)
		}
		_, err = a.DomainToken(t.Context(), who, d.ID, NewDomainToken{})
		wantKind(t, err, KindNotFound)
	})
}

// A token of a domain at risk does not outlive the time of grace, nor begin
// after it.
func TestDomainTokenAtRisk(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newContenders(t, s, Config{RecheckGrace: 24 * time.Hour})
		who := actor(t, s, "alpha")
		d := c.proved(who, "www.example.com")
		c.set(d, false)
		c.check(who, d.ID)
		d = c.want(who, d.ID, zonehold.StateAtRisk)
		expires := func(life time.Duration) time.Time {
			t.Helper()
			tok, err := c.DomainToken(t.Context(), who, d.ID, NewDomainToken{Life: life})
			if err != nil {
				t.Fatal(err)
			}
			claims, err := evidence.VerifyToken(tok.Token, trusted(t, c.App), "", c.now())
			if err != nil || claims.State != "at_risk" || !tok.ExpiresAt.Equal(time.Unix(claims.Expires, 0)) {
				t.Fatalf("%+v until %s, %v", claims, tok.ExpiresAt, err)
			}
			return tok.ExpiresAt
		}
		if got, want := expires(time.Hour), c.now().Add(time.Hour).Truncate(time.Second); !got.Equal(want) {
			t.Errorf("a day before the end the token lives until %s, want %s", got, want)
		}
		c.pass(d.GraceEndsAt.Sub(c.now()) - 5*time.Minute)
		if got, want := expires(time.Hour), d.GraceEndsAt.Truncate(time.Second); !got.Equal(want) {
			t.Errorf("five minutes before the end the token lives until %s, want %s", got, want)
		}
		c.pass(5 * time.Minute)
		_, err := c.DomainToken(t.Context(), who, d.ID, NewDomainToken{})
		wantKind(t, err, KindConflict)
	})
}

// After a rotation no process signs with the old key, also where it has used
// it until then.
func TestRetiredKeySignsNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		cfg := Config{Check: fixed(zonehold.MethodDNSTXT, zonehold.OutcomeVerified)}
		a := start1(t, s, cfg, impatient())
		other := make1(t, s, cfg, impatient())
		who := actor(t, s, "alpha")
		d := create(t, a, who, "www.example.com")
		wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodDNSTXT).ID)
		token := func(a *App) *DomainToken {
			t.Helper()
			tok, err := a.DomainToken(t.Context(), who, d.ID, NewDomainToken{})
			if err != nil {
				t.Fatal(err)
			}
			return tok
		}
		before := token(a)
		if token(other).KeyID != before.KeyID {
			t.Fatal("two keys")
		}
		k, err := other.RotateEvidenceKey(t.Context(), operator)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range []*App{a, other} {
			if got := token(a).KeyID; got != k.ID {
				t.Errorf("process %d signs with %s, want %s", i, got, k.ID)
			}
		}
		set, err := a.JWKS(t.Context())
		if err != nil || len(set.Keys) != 2 {
			t.Fatalf("%+v, %v", set, err)
		}
		if newest, old := set.Keys[0], set.Keys[1]; newest.ID != k.ID || newest.Expires != 0 || old.ID != before.KeyID || old.Expires == 0 {
			t.Errorf("%+v", set)
		}
		text, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		// Of what it signed before, evidence stands for ever, and a token as long
		// as it would have.
		for after, want := range map[time.Duration]error{0: nil, 2 * maxTokenLife: evidence.ErrToken} {
			keys, err := evidence.ParseTokenKeys(text, time.Now().Add(after))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := evidence.VerifyToken(before.Token, keys, "", time.Now()); !errors.Is(err, want) {
				t.Errorf("a token of the old key %s later: %v, want %v", after, err, want)
			}
		}
		if r := chainOf(t, a, who); len(r.Entries) == 0 {
			t.Error("no evidence")
		}
	})
}
