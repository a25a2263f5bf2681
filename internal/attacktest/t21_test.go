package attacktest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/perspective"
	"github.com/zonehold/zonehold/verify"
)

// outposts are four perspectives under the rule of the Baseline Requirements,
// each in the internet of a lab that can be changed.
type outposts struct {
	panel *perspective.Panel
	labs  [4]atomic.Pointer[lab]
	// evil, if set, has the answer of a perspective before it is sent.
	evil [4]atomic.Pointer[func(q perspective.Request, honest []byte) []byte]
}

var bySpring = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

func newOutposts(t *testing.T, at *lab) *outposts {
	t.Helper()
	authority, err := perspective.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority.Cert)
	load := func(kp perspective.KeyPair, err error) tls.Certificate {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		cert, err := tls.X509KeyPair(kp.Cert, kp.Key)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	ours := load(authority.Client(time.Now(), "main"))
	o := &outposts{}
	var remotes []perspective.Remote
	for i, region := range []string{"RIPE", "ARIN", "APNIC", "LACNIC"} {
		o.labs[i].Store(at)
		name := strings.ToLower(region)
		s, err := perspective.NewServer(perspective.ServerConfig{Name: name, Software: "test",
			Kit: func() (*verify.Kit, error) { return o.labs[i].Load().Kit, nil }})
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := perspective.ServerTLS(load(authority.Server(time.Now(), name, []string{"127.0.0.1"})), pool, nil)
		if err != nil {
			t.Fatal(err)
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{TLSConfig: cfg, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			evil := o.evil[i].Load()
			if evil == nil {
				s.ServeHTTP(w, r)
				return
			}
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			rec := httptest.NewRecorder()
			s.ServeHTTP(rec, r)
			var q perspective.Request
			_ = json.Unmarshal(body, &q)
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write((*evil)(q, rec.Body.Bytes()))
		})}
		go srv.ServeTLS(ln, "", "")
		t.Cleanup(func() { srv.Close() })
		asks, err := perspective.ClientTLS("", ours, pool)
		if err != nil {
			t.Fatal(err)
		}
		remotes = append(remotes, perspective.Remote{Name: name, Region: region, URL: "https://" + ln.Addr().String(), TLS: asks})
	}
	if o.panel, err = perspective.NewPanel(remotes); err != nil {
		t.Fatal(err)
	}
	return o
}

// at moves the ways to the first n perspectives to a lab, the rest to another.
func (o *outposts) at(n int, these, rest *lab) {
	for i := range o.labs {
		o.labs[i].Store(rest)
		if i < n {
			o.labs[i].Store(these)
		}
	}
}

func (o *outposts) corrupt(n int, evil func(q perspective.Request, honest []byte) []byte) {
	for i := range o.evil {
		o.evil[i].Store(nil)
		if i < n {
			o.evil[i].Store(&evil)
		}
	}
}

// lie changes an honest answer.
func lie(change func(q perspective.Request, a *perspective.Answer)) func(perspective.Request, []byte) []byte {
	return func(q perspective.Request, honest []byte) []byte {
		var a perspective.Answer
		if json.Unmarshal(honest, &a) != nil {
			return honest
		}
		change(q, &a)
		out, _ := json.Marshal(a)
		return out
	}
}

// T21: somebody announces the addresses of a victim's name servers and web
// server to this service, answers there with a proof of his own, and has no
// proof elsewhere.
func TestT21HijackAtThePrimary(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		truth, hijacked := newLab(t), newLab(t)
		o := newOutposts(t, truth)
		v := &service{lab: hijacked, t: t}
		v.start(s, app.Config{Clock: func() time.Time { return bySpring }, CreateWait: -1,
			Perspectives: app.PerspectiveConfig{Panel: o.panel, Policy: perspective.Policy{Mode: perspective.ModeBR}}})
		mallory := v.account("mallory")
		for _, m := range methods {
			host := strings.ReplaceAll(m, "_", "-") + ".com"
			d := mallory.claim(host)
			v.publish(d, m) // where the service looks
			truth.Net.Zone(host)
			truth.Net.Host(host)
			at := mallory.refuses(d.ID, m, "perspectives_disagree")
			if deref(at.Outcome) != "refused" || !strings.Contains(deref(at.Problem.Found), "ripe") {
				t.Errorf("%s: %s, found: %s", m, deref(at.Outcome), deref(at.Problem.Found))
			}
			mallory.is(d.ID, "pending")
			// As long as one more than allowed sees the truth, it is of no use.
			o.at(2, hijacked, truth)
			mallory.refuses(d.ID, m, "perspectives_disagree")
			o.at(0, hijacked, truth)
		}
	})
}

// T21: a hijack at one perspective keeps nobody from proving what is theirs,
// and it is told; at two it does, and a proof that stands keeps standing.
func TestT21HijackAtPerspectives(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		truth, hijacked := newLab(t), newLab(t)
		o := newOutposts(t, truth)
		v := &service{lab: truth, t: t}
		v.start(s, app.Config{Clock: func() time.Time { return bySpring }, CreateWait: -1,
			Perspectives: app.PerspectiveConfig{Panel: o.panel, Policy: perspective.Policy{Mode: perspective.ModeBR}}})
		anna := v.account("anna")
		d := anna.claim("shop.com")
		v.publish(d, "dns_txt")
		hijacked.Net.Zone("shop.com")
		told := func(notes []string, want int) {
			t.Helper()
			if n := len(notes); n != want {
				t.Errorf("%d perspectives are named, want %d", n, want)
			}
		}
		named := func(ref string) (out []string) {
			for _, n := range anna.check(ref, "dns_txt").Notes {
				if n.Code == "perspective_differs" {
					out = append(out, deref(n.Found))
				}
			}
			return out
		}
		o.at(2, hijacked, truth)
		anna.refuses(d.ID, "dns_txt", "perspectives_disagree")
		anna.is(d.ID, "pending")
		o.at(1, hijacked, truth)
		told(named(d.ID), 1)
		anna.is(d.ID, "verified")
		for n := 2; n <= 4; n++ {
			o.at(n, hijacked, truth)
			anna.refuses(d.ID, "dns_txt", "perspectives_disagree")
			anna.is(d.ID, "verified")
		}
		// The other way round: only here the proof seems to be gone.
		o.at(0, nil, truth)
		v.Net.Zone("shop.com").Remove("_zonehold-challenge", "TXT")
		o.at(4, hijacked, nil)
		copied := &service{lab: hijacked, t: t}
		copied.publish(d, "dns_txt") // the others see it still
		anna.refuses(d.ID, "dns_txt", "perspectives_disagree")
		anna.is(d.ID, "verified")
		o.at(4, truth, nil)
		anna.refuses(d.ID, "dns_txt", "proof_removed", "dns_record_missing")
		anna.is(d.ID, "at_risk")
	})
}

// T21: perspectives in the attacker's hands. What they say counts only as an
// answer to this very question, with what they saw of this very token, and one
// of them alone decides nothing.
func TestT21LyingPerspectives(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		truth := newLab(t)
		o := newOutposts(t, truth)
		v := &service{lab: truth, t: t}
		v.start(s, app.Config{Clock: func() time.Time { return bySpring }, CreateWait: -1,
			Perspectives: app.PerspectiveConfig{Panel: o.panel, Policy: perspective.Policy{Mode: perspective.ModeBR}}})
		anna := v.account("anna")
		d := anna.claim("shop.com")
		v.publish(d, "dns_txt")
		yes := func(a *perspective.Answer, seen string) {
			a.Completed, a.Passed, a.Outcome, a.Code, a.Detail, a.Observed = true, true, zonehold.OutcomeVerified, "", "", seen
		}
		var kept atomic.Pointer[[]byte]
		lies := map[string]func(q perspective.Request, honest []byte) []byte{
			"a pass and nothing seen": lie(func(_ perspective.Request, a *perspective.Answer) { yes(a, "") }),
			"the token of another claim": lie(func(_ perspective.Request, a *perspective.Answer) {
				yes(a, "token="+strings.Repeat("a", 32))
			}),
			"another nonce":      lie(func(_ perspective.Request, a *perspective.Answer) { a.Nonce = strings.Repeat("0", 32) }),
			"another check":      lie(func(_ perspective.Request, a *perspective.Answer) { a.ID = "att_1" }),
			"another name":       lie(func(_ perspective.Request, a *perspective.Answer) { a.Hostname = "other.com" }),
			"somebody else":      lie(func(_ perspective.Request, a *perspective.Answer) { a.Perspective = "lacnic" }),
			"a kept good answer": func(_ perspective.Request, _ []byte) []byte { return *kept.Load() },
			"no answer at all":   func(perspective.Request, []byte) []byte { return nil },
			"ten megabytes":      func(perspective.Request, []byte) []byte { return bytes.Repeat([]byte(" "), 10<<20) },
		}
		o.corrupt(1, func(_ perspective.Request, honest []byte) []byte { kept.Store(&honest); return honest })
		anna.proves(d.ID, "dns_txt")
		for what, evil := range lies {
			// Each with panels that know nothing of the lies before.
			o.corrupt(1, evil)
			at := anna.check(d.ID, "dns_txt")
			if deref(at.Outcome) != "verified" {
				t.Errorf("%s by one of four: %s", what, deref(at.Outcome))
			}
			if n := slices.IndexFunc(at.Steps, func(st api.Step) bool {
				return st.Name == "ask_perspective" && strings.HasPrefix(st.Target, "ripe") && st.OK
			}); n >= 0 {
				t.Errorf("%s counts as a corroboration: %s", what, at.Steps[n].Result)
			}
			o.corrupt(2, evil)
			anna.refuses(d.ID, "dns_txt", "perspectives_unavailable")
			anna.is(d.ID, "verified")
			o.corrupt(0, nil)
			o.panel.Check(t.Context()) // those that count as down are asked again
			anna.proves(d.ID, "dns_txt")
		}
		// One that swears to a proof which is nowhere, and one that denies one.
		other := anna.claim("nothing-there.com")
		truth.Net.Zone("nothing-there.com")
		o.corrupt(4, lie(func(q perspective.Request, a *perspective.Answer) { yes(a, "token="+q.Token) }))
		anna.refuses(other.ID, "dns_txt", "dns_record_missing")
		anna.is(other.ID, "pending")
	})
}
