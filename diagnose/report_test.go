package diagnose_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

func TestCachedView(t *testing.T) {
	noteOf := func(r diagnose.Report, code problem.Code) *problem.Problem {
		for i := range r.Notes {
			if r.Notes[i].Code == code {
				return &r.Notes[i]
			}
		}
		return nil
	}
	t.Run("negative", func(t *testing.T) {
		b := newBench(t, fixture{method: txt})
		cache := b.Net.Resolver()
		cache.PrimeNegative(b.name()+".", "TXT", 1800)
		b.kit = b.WithCaches(cache)
		b.Place(b.m, b.claim)
		r := b.run()
		b.check(r, "")
		n := noteOf(r, "dns_cached_negative")
		if n == nil {
			t.Fatalf("notes %s, want dns_cached_negative", notes(r))
		}
		if !strings.Contains(n.Found, " UTC") {
			t.Errorf("it does not say until when: %q", n.Found)
		}
		b.kit.NoCachedView = true
		if r := b.run(); len(r.Notes) != 0 {
			t.Errorf("the caches were asked although told not to: %s", notes(r))
		}
	})
	t.Run("old_value", func(t *testing.T) {
		b := newBench(t, fixture{method: txt})
		cache := b.Net.Resolver()
		cache.Prime(b.name()+".", "TXT", "token=older")
		b.kit = b.WithCaches(cache)
		b.Place(b.m, b.claim)
		r := b.run()
		b.check(r, "")
		if n := noteOf(r, "dns_cached_old_value"); n == nil || !strings.Contains(n.Found, "token=older") {
			t.Errorf("notes %s, want dns_cached_old_value", notes(r))
		}
	})
	t.Run("fresh", func(t *testing.T) {
		b := newBench(t, fixture{method: txt})
		b.kit = b.WithCaches(b.Net.Resolver())
		b.Place(b.m, b.claim)
		if r := b.run(); r.Outcome != zonehold.OutcomeVerified || len(r.Notes) != 0 {
			t.Errorf("outcome %s, notes %s", r.Outcome, notes(r))
		}
	})
}

func TestRunAll(t *testing.T) {
	runAll := func(b *bench) diagnose.Report {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return diagnose.RunAll(ctx, b.kit, b.claim)
	}
	for _, m := range verify.Placed() {
		t.Run("proved_by_"+string(m.Name()), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, fixture{method: m.Name()})
			b.Host(b.claim)
			b.Place(m, b.claim)
			r := runAll(b)
			if r.Outcome != zonehold.OutcomeVerified || r.Method != m.Name() {
				t.Errorf("%s by %s, want verified by %s", r.Outcome, r.Method, m.Name())
			}
		})
	}
	for _, tt := range []struct {
		name   string
		cause  func(*bench)
		method zonehold.Method
		want   problem.Code
	}{
		{"nothing_placed", func(*bench) {}, txt, "dns_record_missing"},
		{"record_nearly_right", func(b *bench) { b.txt(b.name()+".example.com", b.value()) }, txt, "dns_doubled_label"},
		{"tag_nearly_right", func(b *bench) {
			m, _ := verify.Lookup(meta)
			b.Host(b.claim).Page("/", 200, "text/html", "<html><head><title>x</title></head><body>"+m.Challenge(b.kit, b.claim).Tag.HTML+"</body></html>")
		}, meta, "meta_in_body"},
		{"file_nearly_right", func(b *bench) {
			m, _ := verify.Lookup(file)
			f := m.Challenge(b.kit, b.claim).File
			b.Host(b.claim).Page(f.Path, 200, "text/html", "<html><body>"+f.Content+"</body></html>")
		}, file, "file_decorated"},
		{"record_nearly_right_and_a_silent_site", func(b *bench) {
			b.txt(b.name()+".example.com", b.value())
			b.Host(b.claim).Fault(testnet.HostFaultConnectTimeout)
		}, txt, "dns_doubled_label"},
		{"not_registered", func(b *bench) { b.zone().Undelegate() }, txt, "domain_not_registered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, fixture{method: txt})
			b.Host(b.claim).Page("/", 200, "text/html", verifytest.Page(""))
			tt.cause(b)
			r := runAll(b)
			b.check(r, tt.want)
			if r.Method != tt.method {
				t.Errorf("the report is of %s, want %s", r.Method, tt.method)
			}
		})
	}
}

// The cost of a diagnosis is bounded, whatever is wrong (threat T12).
func TestBudget(t *testing.T) {
	for _, tt := range []struct {
		name   string
		method zonehold.Method
		cause  func(*bench)
	}{
		{"record_missing", txt, func(b *bench) {
			b.claim.Siblings = []zonehold.Hostname{"a.net", "b.net", "c.net", "d.net", "e.net"}
			b.claim.FormerServers = []string{"ns1.a.net", "ns1.b.net", "ns1.c.net", "ns1.d.net"}
		}},
		{"cname_missing", cname, func(*bench) {}},
		{"file_missing", file, func(b *bench) {
			b.retired()
			for range 6 {
				b.Host(b.claim).AddAddress(false)
			}
		}},
		{"tag_missing", meta, func(b *bench) {
			b.page(strings.Replace(verifytest.Page(""), "<h1>", `<a href=/a>a</a><a href=/b>b</a><a href=/c>c</a><a href=/d>d</a><a href=/e>e</a><h1>`, 1))
			for range 6 {
				b.Host(b.claim).AddAddress(true)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, fixture{method: tt.method})
			tt.cause(b)
			b.m.Check(context.Background(), b.kit, b.claim)
			check := len(b.Net.Queries())
			checkFetches := len(b.Net.Requests())
			b.Net.ResetHistory()
			r := b.run()
			if r.Outcome == zonehold.OutcomeVerified {
				t.Fatal("verified")
			}
			// A fetch resolves its host: a few questions each.
			fetches := len(b.Net.Requests()) - checkFetches
			queries := len(b.Net.Queries()) - check
			if fetches > 8 {
				t.Errorf("the diagnosis made %d fetches", fetches)
			}
			if queries > 40+6*8 {
				t.Errorf("the diagnosis asked %d questions", queries)
			}
			t.Logf("%d questions, %d fetches", queries, fetches)
		})
	}
}

// A registry is not asked for every slip that could be made in a domain that it
// does not have.
func TestUnregisteredIsCheap(t *testing.T) {
	for _, method := range []zonehold.Method{txt, cname, file, meta} {
		for _, host := range []string{"example.com", "shop.example"} { // the list of suffixes knows no .example
			t.Run(string(method)+"_"+host, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, fixture{method: method, host: host})
				b.zone().Undelegate()
				b.m.Check(context.Background(), b.kit, b.claim)
				check := len(b.Net.Queries())
				b.Net.ResetHistory()
				b.check(b.run(), "domain_not_registered")
				if extra := len(b.Net.Queries()) - check; extra > 6 {
					t.Errorf("the check asked %d questions, the diagnosis %d more", check, extra)
				}
			})
		}
	}
}

// A diagnosis ends in time, even where nobody answers any more.
func TestDiagnosisEndsInTime(t *testing.T) {
	b := newBench(t, fixture{method: txt})
	b.kit = b.Hasty()
	m, _ := verify.Lookup(txt)
	r := m.Check(context.Background(), b.kit, b.claim)
	for _, s := range b.zone().Servers() {
		s.Fault(testnet.FaultTimeout)
	}
	start := time.Now()
	p, _ := diagnose.Explain(context.Background(), b.kit, b.claim, r)
	if p == nil || p.Code != "dns_record_missing" {
		t.Errorf("problem %+v, want dns_record_missing", p)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("it took %v", d)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if p, _ := diagnose.Explain(ctx, b.kit, b.claim, r); p == nil || p.Code != "dns_record_missing" {
		t.Errorf("problem %+v of a cancelled diagnosis, want dns_record_missing", p)
	}
}

// The secrets of others are never shown.
func TestOtherTokensStayHidden(t *testing.T) {
	b := newBench(t, fixture{method: txt})
	other := b.Claim("example.net", "").Tokens.TXT
	b.kit.OtherClaim = func(_ context.Context, s string) bool { return s == other }
	b.txt(b.name(), "token="+other)
	r := b.run()
	b.check(r, "token_of_other_claim")
	for _, text := range append([]string{r.Problem.Title, r.Problem.Found, r.Problem.LookedFor}, r.Problem.Fixes...) {
		if strings.Contains(text, other) {
			t.Errorf("the text shows the token of another claim: %q", text)
		}
	}
}

// What strangers write comes out harmless (threat T15).
func TestHostileText(t *testing.T) {
	for _, evil := range []string{"\x1b[2J\x1b]0;owned\x07", "<script>alert(1)</script>", "token=\u202egpj.exe", "\x00\xff\xfe", strings.Repeat("A", 250)} {
		b := newBench(t, fixture{method: txt})
		b.txt(b.name(), evil)
		r := b.run()
		b.sound(r)
		for _, text := range []string{r.Problem.Found, r.Problem.LookedFor, r.Problem.SeeItYourself} {
			for _, c := range text {
				if c < 0x20 || c >= 0x7f && c < 0xa0 || c == '\u202e' {
					t.Errorf("%q comes out as %q", evil, text)
					break
				}
			}
		}
		if len(r.Problem.Found) > 400 {
			t.Errorf("%d bytes of foreign text", len(r.Problem.Found))
		}
	}
}
