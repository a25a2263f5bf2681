package notify

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
)

func TestTargets(t *testing.T) {
	guard := probe.NewGuard(probe.GuardConfig{})
	inner := probe.NewGuard(probe.GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	strict, lax := Targets{Check: guard.Check}, Targets{Check: inner.Check, Open: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for _, tc := range []struct{ typed, strict, lax string }{ // "": refused
		{"https://hooks.example.com", "https://hooks.example.com/", "https://hooks.example.com/"},
		{" https://HOOKS.Example.com:443/a?b=c ", "https://hooks.example.com/a?b=c", "https://hooks.example.com/a?b=c"},
		{"https://bücher.example/", "https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"},
		{"https://45.1.2.3/", "https://45.1.2.3/", "https://45.1.2.3/"},
		{"https://[2a0e:1::1]/x", "https://[2a0e:1::1]/x", "https://[2a0e:1::1]/x"},
		{"http://hooks.example.com/", "", "http://hooks.example.com/"},
		{"https://hooks.example.com:8443/", "", "https://hooks.example.com:8443/"},
		{"http://10.1.2.3:8080/", "", "http://10.1.2.3:8080/"},
		{"https://10.1.2.3/", "", "https://10.1.2.3/"},
		{"http://45.1.2.3/", "", ""},
		{"https://45.1.2.3:8443/", "", ""},
		{"https://127.0.0.1/", "", ""},
		{"https://169.254.169.254/latest/meta-data/", "", ""},
		{"https://[::1]/", "", ""},
		{"https://[::ffff:10.1.2.3]/", "", "https://10.1.2.3/"},
		{"https://[::ffff:127.0.0.1]/", "", ""},
		{"https://[64:ff9b::7f00:1]/", "", ""},
		{"https://[fe80::1%25eth0]/", "", ""},
		{"https://2130706433/", "", ""},
		{"https://0x7f.1/", "", ""},
		{"https://127.1/", "", ""},
		{"https://user:secret@hooks.example.com/", "", ""},
		{"https://user@hooks.example.com/", "", ""},
		{"https://hooks.example.com/#part", "", ""},
		{"https://hooks.example.com:/", "", ""},
		{"https://hooks.example.com:99999/", "", ""},
		{"https:hooks.example.com", "", ""},
		{"ftp://hooks.example.com/", "", ""},
		{"//hooks.example.com/", "", ""},
		{"https://hooks example.com/", "", ""},
		{"https://hooks.example.com/" + strings.Repeat("a", 1100), "", ""},
		{"", "", ""},
	} {
		if got, err := strict.Parse(tc.typed); got != tc.strict || (err != nil) != (tc.strict == "") {
			t.Errorf("%s: %q, %v, want %q", tc.typed, got, err, tc.strict)
		}
		if got, err := lax.Parse(tc.typed); got != tc.lax || (err != nil) != (tc.lax == "") {
			t.Errorf("%s with 10/8 open: %q, %v, want %q", tc.typed, got, err, tc.lax)
		}
	}
}

// flipping is a resolver whose answers change from one look-up to the next.
type flipping struct {
	mu    sync.Mutex
	next  []netip.Addr
	asked int
}

func (f *flipping) Addrs(_ context.Context, host string) (*dns.Addresses, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	addr := f.next[0]
	if len(f.next) > 1 {
		f.next = f.next[1:]
	}
	return &dns.Addresses{Host: host, Addrs: []netip.Addr{addr}}, nil
}

// Whatever a name resolves to is judged at each try, by the program's own
// client: nothing inside is reached, also not after a first good answer.
func TestTargetsAreJudgedAtEachDelivery(t *testing.T) {
	for _, inside := range []string{"127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1", "100.64.0.1", "0.0.0.0", "64:ff9b::a00:1"} {
		t.Run(inside, func(t *testing.T) {
			t.Parallel()
			s := storetest.Open(t, storetest.SQLite(t))
			st := newSite(t, s, "a")
			inner := newReceiver(t, nil)
			good := netip.MustParseAddr("45.1.2.3")
			resolver := &flipping{next: []netip.Addr{good, netip.MustParseAddr(inside)}}
			dialed := make(chan netip.AddrPort, 10)
			client := web.NewAPIClient(web.APIConfig{Resolver: resolver, Dialer: &probe.Dialer{Route: func(a netip.AddrPort) (netip.AddrPort, bool) {
				dialed <- a
				return netip.MustParseAddrPort(strings.TrimPrefix(inner.URL, "http://")), a.Addr() != good
			}}})
			hook, _ := st.webhook("https://rebind.example/")
			st.dispatch(func(c *Config) { c.Channels = []Channel{&Webhooks{Store: s, HTTP: client, Clock: st.clock.now}} })
			st.happen(1, `{}`)
			d := st.tried(hook.ID, 1)
			if first := <-dialed; first.Addr() != good {
				t.Fatalf("first dialed %s", first)
			}
			st.clock.set(d.DueAt)
			d = st.tried(hook.ID, 2)
			if len(dialed) > 0 || len(inner.all()) > 0 || resolver.asked != 2 {
				t.Errorf("reached %s: %d dialed, %d requests, %d look-ups", inside, len(dialed), len(inner.all()), resolver.asked)
			}
			if e := d.Tries[1].Error; !strings.Contains(e, probe.ErrForbidden.Error()) || strings.Contains(e, inside) {
				t.Errorf("says %q", e)
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	secret, body, at := NewSecret(), []byte(`{"a":1}`), time.Unix(1_795_348_800, 0)
	signature, err := sign([]string{secret}, "evt_1", at, body)
	if err != nil {
		t.Fatal(err)
	}
	stamp := fmt.Sprint(at.Unix())
	for name, tc := range map[string]struct {
		id, stamp, signature, body string
		now                        time.Time
		want                       error
	}{
		"good":           {"evt_1", stamp, signature, string(body), at, nil},
		"among others":   {"evt_1", stamp, "v1a,xyz v1,AAAA " + signature, string(body), at, nil},
		"any time":       {"evt_1", stamp, signature, string(body), time.Time{}, nil},
		"other id":       {"evt_2", stamp, signature, string(body), at, ErrSignature},
		"other time":     {"evt_1", fmt.Sprint(at.Unix() + 1), signature, string(body), at, ErrSignature},
		"other body":     {"evt_1", stamp, signature, `{"a":2}`, at, ErrSignature},
		"other version":  {"evt_1", stamp, "v2" + signature[2:], string(body), at, ErrSignature},
		"no signature":   {"evt_1", stamp, "", string(body), at, ErrSignature},
		"no time":        {"evt_1", "soon", signature, string(body), at, ErrTimestamp},
		"old":            {"evt_1", stamp, signature, string(body), at.Add(6 * time.Minute), ErrTimestamp},
		"of the future":  {"evt_1", stamp, signature, string(body), at.Add(-6 * time.Minute), ErrTimestamp},
		"nearly too old": {"evt_1", stamp, signature, string(body), at.Add(Tolerance), nil},
	} {
		if err := Verify(secret, tc.id, tc.stamp, tc.signature, []byte(tc.body), tc.now); !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{"", "whsec_", "whsec_AAAA", "whsec_!!!", secretPrefix + strings.Repeat("A", 100)} {
		if err := Verify(bad, "evt_1", stamp, signature, body, at); err == nil || errors.Is(err, ErrSignature) {
			t.Errorf("secret %q: %v", bad, err)
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	big := `"` + strings.Repeat("x", 30_000) + `"`
	for _, data := range []string{`{}`, `{"a":1}`, ``, `[1]`, `null`, `"x"`, `{"small":"<y>","big":` + big + `,"z":` + big + `}`, `{` + big + `:1}`} {
		e := &zonehold.Event{ID: "evt_1", Type: "domain.at_risk", CreatedAt: noonUTC, Data: []byte(data)}
		body := string(bodyOf(e))
		if len(body) >= maxBody || !strings.HasPrefix(body, `{"type":"domain.at_risk","timestamp":"2026-11-22T12:00:00Z","data":{`) {
			t.Errorf("%.60s: %d bytes, %.120s", data, len(body), body)
		}
		if strings.Contains(data, "small") && (!strings.Contains(body, `"omitted":["big"`) || !strings.Contains(body, `"small":"<y>"`) || !strings.Contains(body, `"event_id":"evt_1"`)) {
			t.Errorf("%.200s", body)
		}
	}
}

var noonUTC = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// BenchmarkDeliver measures events from their transaction to the end of their
// delivery, with one endpoint that answers at once.
func BenchmarkDeliver(b *testing.B) {
	storetest.EachBench(b, func(b *testing.B, s *store.Store) {
		st := newSite(b, s, "a")
		r := newReceiver(b, nil)
		for range 4 {
			st.webhook(r.URL)
		}
		st.dispatch()
		b.ResetTimer()
		for done := 0; done < b.N; done += 100 {
			st.happen(100, `{"hostname":"example.com","state":"verified"}`)
		}
		eventually(b, func() bool {
			backlog, err := s.Backlog(b.Context(), store.KindWebhook)
			left, err2 := s.Outbox(b.Context(), "", 1)
			return err == nil && err2 == nil && len(left) == 0 && backlog.Waiting+backlog.Sending == 0
		})
		b.ReportMetric(float64(len(r.all()))/b.Elapsed().Seconds(), "deliveries/s")
	})
}
