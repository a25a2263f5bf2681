package verifytest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
)

// Run is the suite: every method, in every profile, has to say yes to the
// right proof and to nothing else, and has to come back from every hostile
// server with a reason.
func Run(t *testing.T, m verify.Method) {
	for _, profile := range zonehold.ProfileNames() {
		t.Run(string(profile), func(t *testing.T) {
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					l := NewLab(t)
					claim := l.Claim("www.example.com", profile)
					ch := m.Challenge(l.Kit, claim)
					if !ch.Applicable {
						t.Fatalf("not applicable: %s", ch.Reason)
					}
					if c.only != nil && !c.only(ch) {
						t.Skip("not for this kind of method")
					}
					c.run(&bench{Lab: l, t: t, m: m, claim: claim, ch: ch})
				})
			}
		})
	}
}

// bench is one case on its way.
type bench struct {
	*Lab
	t     *testing.T
	m     verify.Method
	claim verify.Claim
	ch    zonehold.Challenge
}

type testCase struct {
	name string
	only func(zonehold.Challenge) bool
	run  func(*bench)
}

func onWeb(ch zonehold.Challenge) bool    { return ch.File != nil || ch.Tag != nil }
func onFile(ch zonehold.Challenge) bool   { return ch.File != nil }
func onRecord(ch zonehold.Challenge) bool { return ch.Record != nil }

// want checks the claim and compares the outcome.
func (b *bench) want(kit *verify.Kit, want ...zonehold.Outcome) verify.Result {
	b.t.Helper()
	r := b.Check(b.m, kit, b.claim)
	for _, w := range want {
		if r.Outcome == w {
			b.complete(r)
			return r
		}
	}
	b.t.Errorf("outcome %s, want %v; problem %+v", r.Outcome, want, r.Problem)
	return r
}

// complete looks at what every finding owes.
func (b *bench) complete(r verify.Result) {
	b.t.Helper()
	found := r.Notes
	if r.Problem != nil {
		found = append([]verify.Finding{*r.Problem}, found...)
	}
	for _, f := range found {
		if _, ok := problem.Lookup(f.Code); !ok {
			b.t.Errorf("code %q is not in the catalogue", f.Code)
		}
		if f.Facts[problem.FactDomain] == "" || f.Facts[problem.FactMethod] == "" {
			b.t.Errorf("%s: facts lack the domain or the method: %v", f.Code, f.Facts)
		}
	}
	if r.Outcome != zonehold.OutcomeInconclusive && r.Outcome != zonehold.OutcomeRefused &&
		len(r.Evidence.Lookups) == 0 && len(r.Evidence.Fetches) == 0 {
		b.t.Errorf("outcome %s without evidence", r.Outcome)
	}
}

// stranger is a claim of another account on the same name.
func (b *bench) stranger() verify.Claim {
	return b.Claim(string(b.claim.Hostname), b.claim.Profile)
}

// site makes the host answer like an ordinary site.
func (b *bench) site() *testnet.Host {
	b.Zone(b.claim)
	h := b.Host(b.claim)
	if b.ch.Tag == nil {
		h.Page("/", 200, "text/html", Page(""))
	}
	return h
}

const (
	verified     = zonehold.OutcomeVerified
	absent       = zonehold.OutcomeAbsent
	mismatch     = zonehold.OutcomeMismatch
	inconclusive = zonehold.OutcomeInconclusive
	refused      = zonehold.OutcomeRefused
)

var cases = []testCase{
	{"right", nil, func(b *bench) {
		b.site()
		b.Place(b.m, b.claim)
		b.want(b.Kit, verified)
	}},
	{"missing", nil, func(b *bench) {
		h := b.site()
		if b.ch.Tag != nil {
			h.Page("/", 200, "text/html", Page(""))
		}
		b.want(b.Kit, absent)
	}},
	{"removed_again", onRecord, func(b *bench) {
		b.Place(b.m, b.claim)
		b.want(b.Kit, verified)
		b.Zone(b.claim).Remove(b.ch.Record.Name+".", "")
		b.want(b.Kit, absent)
	}},
	{"wrong_value", nil, func(b *bench) {
		h := b.site()
		switch {
		case b.ch.Record != nil && b.ch.Record.Type == "TXT":
			b.Zone(b.claim).Add(b.ch.Record.Name+".", "TXT", b.ch.Record.Value[:len(b.ch.Record.Value)-1])
		case b.ch.Record != nil:
			b.Zone(b.claim).Add(b.ch.Record.Name+".", "CNAME", "x"+b.ch.Record.Value+".")
		case b.ch.File != nil:
			h.Page(b.ch.File.Path, 200, "text/plain", b.ch.File.Content+"x")
		default:
			h.Page("/", 200, "text/html", Page(strings.Replace(b.ch.Tag.HTML, b.ch.Token, b.ch.Token[1:], 1)))
		}
		b.want(b.Kit, mismatch)
	}},
	{"stale_token", nil, func(b *bench) {
		b.site()
		old := b.stranger()
		b.Place(b.m, old)
		b.claim.Old = []verify.OldToken{{Value: b.m.Challenge(b.Kit, old).Token, RetiredAt: time.Now().AddDate(0, -1, 0)}}
		b.want(b.Kit, absent, mismatch)
	}},
	{"other_accounts_token", nil, func(b *bench) {
		b.site()
		b.Place(b.m, b.stranger())
		b.want(b.Kit, absent, mismatch)
	}},
	{"beside_other_accounts_token", func(ch zonehold.Challenge) bool {
		return ch.File != nil || ch.Record != nil && ch.Record.Type == "TXT"
	}, func(b *bench) {
		b.site()
		b.Place(b.m, b.stranger())
		b.Place(b.m, b.claim)
		b.want(b.Kit, verified)
	}},
	{"no_token", nil, func(b *bench) {
		b.site()
		b.Place(b.m, b.claim)
		b.claim.Tokens = zonehold.Tokens{}
		b.want(b.Kit, refused)
	}},
	{"unknown_profile", nil, func(b *bench) {
		b.site()
		b.Place(b.m, b.claim)
		b.claim.Profile = "nobody"
		b.want(b.Kit, refused)
	}},
	{"time_out", nil, func(b *bench) {
		h := b.site()
		b.Place(b.m, b.claim)
		if b.ch.Record != nil {
			for _, s := range b.Zone(b.claim).Servers() {
				s.Fault(testnet.FaultTimeout)
			}
		} else {
			h.Fault(testnet.HostFaultSilent)
		}
		b.want(b.Hasty(), inconclusive)
	}},
	{"deadline", nil, func(b *bench) {
		h := b.site()
		b.Place(b.m, b.claim)
		for _, s := range b.Zone(b.claim).Servers() {
			s.Fault(testnet.FaultTimeout)
		}
		h.Fault(testnet.HostFaultSilent)
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		done := make(chan verify.Result, 1)
		go func() { done <- b.m.Check(ctx, b.Kit, b.claim) }()
		select {
		case r := <-done:
			if r.Outcome != inconclusive {
				b.t.Errorf("outcome %s after the deadline, want inconclusive", r.Outcome)
			}
		case <-time.After(30 * time.Second):
			b.t.Fatal("the check did not come back after its deadline")
		}
	}},
	{"cancelled", nil, func(b *bench) {
		b.site()
		b.Place(b.m, b.claim)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if r := b.m.Check(ctx, b.Kit, b.claim); r.Outcome != inconclusive || r.Problem == nil {
			b.t.Errorf("outcome %s (%v) of a cancelled check, want inconclusive", r.Outcome, r.Problem)
		}
	}},
	{"half_the_servers", onRecord, func(b *bench) {
		b.Place(b.m, b.claim)
		b.Zone(b.claim).Servers()[1].Only(b.ch.Record.Name+".", b.ch.Record.Type)
		b.want(b.Kit, inconclusive)
	}},
	{"one_server_refuses", onRecord, func(b *bench) {
		b.Place(b.m, b.claim)
		b.Zone(b.claim).Servers()[1].Fault(testnet.FaultRefused)
		b.want(b.Kit, inconclusive)
	}},
	{"servers_fail", onRecord, func(b *bench) {
		b.Place(b.m, b.claim)
		for _, s := range b.Zone(b.claim).Servers() {
			s.Fault(testnet.FaultServFail)
		}
		b.want(b.Kit, inconclusive)
	}},
	{"garbage", nil, func(b *bench) {
		h := b.site()
		b.Place(b.m, b.claim)
		if b.ch.Record != nil {
			for _, s := range b.Zone(b.claim).Servers() {
				s.Fault(testnet.FaultGarbage)
			}
		} else {
			h.Fault(testnet.HostFaultGarbage)
		}
		b.want(b.Hasty(), inconclusive)
	}},
	{"many_large_records", func(ch zonehold.Challenge) bool { return ch.Record != nil && ch.Record.Type == "TXT" }, func(b *bench) {
		for i := range 30 {
			b.Zone(b.claim).Add(b.ch.Record.Name+".", "TXT", fmt.Sprintf("%d %s", i, strings.Repeat("x", 200)))
		}
		b.Place(b.m, b.claim)
		b.want(b.Kit, verified)
	}},
	{"reserved_address", nil, func(b *bench) {
		for _, addr := range []string{"127.0.0.1", "10.0.0.5", "169.254.169.254"} {
			if b.ch.Record != nil {
				b.Place(b.m, b.claim)
				b.Zone(b.claim).Delegate(testnet.NS{Name: "ns1.example.com.", Addrs: []string{addr}})
			} else {
				b.Zone(b.claim).Remove("www", "").Add("www", "A", addr)
			}
			b.want(b.Hasty(), inconclusive, refused)
			for _, q := range b.Net.Queries() {
				if q.Addr.Addr() == netip.MustParseAddr(addr) {
					b.t.Errorf("a question reached %s", addr)
				}
			}
		}
	}},
	{"no_address", onWeb, func(b *bench) {
		b.Zone(b.claim)
		b.want(b.Kit, inconclusive)
	}},
	{"not_registered", onRecord, func(b *bench) {
		b.Zone(b.claim).Undelegate()
		r := b.want(b.Kit, absent)
		if r.Problem != nil && r.Problem.Code != "domain_not_registered" {
			b.t.Errorf("problem %s, want domain_not_registered", r.Problem.Code)
		}
	}},
	{"wildcard", onRecord, func(b *bench) {
		// The wildcard of the zone carries the right content for every name.
		value := b.ch.Record.Value
		if b.ch.Record.Type == "CNAME" {
			value += "."
		}
		_, parent, _ := strings.Cut(b.ch.Record.Name, ".")
		b.Zone(b.claim).Add("*."+parent+".", b.ch.Record.Type, value)
		if b.ch.Record.Type == "CNAME" {
			b.want(b.Kit, refused)
			return
		}
		// Only the owner of the zone can know the secret.
		r := b.want(b.Kit, verified)
		if len(r.Notes) == 0 || r.Notes[0].Code != "dns_wildcard_answers" {
			b.t.Errorf("notes %v, want dns_wildcard_answers", r.Notes)
		}
	}},
	{"wildcard_of_a_stranger", onRecord, func(b *bench) {
		other := b.m.Challenge(b.Kit, b.stranger())
		value := other.Record.Value
		if other.Record.Type == "CNAME" {
			value += "."
		}
		_, parent, _ := strings.Cut(b.ch.Record.Name, ".")
		b.Zone(b.claim).Add("*."+parent+".", other.Record.Type, value)
		b.want(b.Kit, absent, mismatch)
	}},
	{"redirect_off_site", onWeb, func(b *bench) {
		path := b.path()
		evil := b.Claim("www.evil.net", b.claim.Profile)
		evil.Tokens = b.claim.Tokens
		b.Place(b.m, evil)
		for _, to := range []string{"https://www.evil.net", "http://www.evil.net", "//www.evil.net", "http://127.0.0.1", "http://[::1]", "https://www.evil.net@www.example.com"} {
			b.site().Redirect(path, 302, to+path)
			b.want(b.Kit, refused)
		}
	}},
	{"redirect_loop", onWeb, func(b *bench) {
		b.site().Redirect(b.path(), 302, b.path())
		b.want(b.Kit, inconclusive)
	}},
	{"redirect_to_www", onWeb, func(b *bench) {
		// The bare domain sends everything to www: the same site.
		b.claim.Hostname = "example.com"
		b.ch = b.m.Challenge(b.Kit, b.claim)
		www := b.claim
		www.Hostname = "www.example.com"
		b.Place(b.m, www)
		b.Host(b.claim).CatchAll(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://www.example.com"+r.URL.Path, http.StatusMovedPermanently)
		}))
		b.want(b.Kit, verified)
	}},
	{"huge_body", onWeb, func(b *bench) {
		h := b.site()
		b.Place(b.m, b.claim)
		h.Fault(testnet.HostFaultHugeBody)
		r := b.want(b.Kit, mismatch, inconclusive, absent)
		for _, f := range r.Evidence.Fetches {
			if len(f.Body) > 2<<20 {
				b.t.Errorf("%d bytes were kept", len(f.Body))
			}
		}
	}},
	{"gzip_bomb", onWeb, func(b *bench) {
		b.site().Fault(testnet.HostFaultGzipBomb)
		b.want(b.Kit, mismatch, inconclusive, absent)
	}},
	{"wrong_status", onWeb, func(b *bench) {
		for _, status := range []int{201, 203, 204, 301, 304, 400, 401, 403, 404, 410, 418, 429, 451, 500, 503} {
			h := b.site()
			body := ""
			if b.ch.File != nil {
				body = b.ch.File.Content
			} else {
				body = Page(b.ch.Tag.HTML)
			}
			if status == 204 || status == 304 {
				body = ""
			}
			h.Page(b.path(), status, "text/html", body)
			b.want(b.Kit, absent, mismatch, inconclusive, refused)
		}
	}},
	{"soft_404", onFile, func(b *bench) {
		b.site().CatchAll(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, b.ch.File.Content)
		}))
		r := b.want(b.Kit, refused)
		if r.Problem != nil && r.Problem.Code != "http_soft_404" {
			b.t.Errorf("problem %s, want http_soft_404", r.Problem.Code)
		}
		if len(r.Evidence.Decoys) == 0 {
			b.t.Error("no decoy in the evidence")
		}
	}},
	{"everything_is_the_home_page", onFile, func(b *bench) {
		b.site().CatchAll(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, Page(""))
		}))
		b.want(b.Kit, mismatch)
	}},
	{"right_file_on_a_catch_all_site", func(ch zonehold.Challenge) bool { return ch.File != nil && ch.File.Content != "" }, func(b *bench) {
		b.Host(b.claim).CatchAll(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, Page(""))
		}))
		b.Place(b.m, b.claim)
		b.want(b.Kit, verified)
	}},
	{"echo", onWeb, func(b *bench) {
		for _, status := range []int{200, 404} {
			for name, echo := range echoes(b.claim.Profile) {
				b.site().CatchAll(nil).Handle("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/html")
					w.WriteHeader(status)
					_, _ = io.WriteString(w, echo(r))
				}))
				if r := b.Check(b.m, b.Kit, b.claim); r.Outcome == verified {
					b.t.Errorf("a server that echoes %s with %d was believed", name, status)
				}
			}
		}
	}},
}

// path is what a web method fetches.
func (b *bench) path() string {
	if b.ch.File != nil {
		return b.ch.File.Path
	}
	return "/"
}

// echoes are servers that build their answer from the question (threat T28).
func echoes(profile zonehold.ProfileName) map[string]func(*http.Request) string {
	secret := func(r *http.Request) string {
		name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		name, _, _ = strings.Cut(name, ".")
		return name[strings.LastIndexByte(name, '_')+1:]
	}
	p, _ := zonehold.ProfileByName(profile)
	return map[string]func(*http.Request) string{
		"nothing": func(*http.Request) string { return "" },
		"path":    func(r *http.Request) string { return r.URL.Path },
		"headers": func(r *http.Request) string {
			var b strings.Builder
			_ = r.Header.Write(&b)
			return r.Host + "\n" + b.String()
		},
		"body": func(r *http.Request) string {
			body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
			return string(body)
		},
		"request":           func(r *http.Request) string { return r.Method + " " + r.RequestURI + " " + r.Proto },
		"name_of_the_file":  func(r *http.Request) string { return secret(r) },
		"file_made_for_it":  func(r *http.Request) string { return p.FileBody(secret(r)) },
		"tag_made_for_path": func(r *http.Request) string { return Page(p.TagHTML(secret(r))) },
		"fixed_body":        func(*http.Request) string { return "Probely" },
	}
}
