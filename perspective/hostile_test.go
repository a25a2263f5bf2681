package perspective

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/verify"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// liar answers a request as the test wants.
type liar func(q *Request, a *Answer)

func (l liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	q, err := decodeRequest(body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "malformed", err.Error())
		return
	}
	c := q.claim()
	m, _ := verify.Lookup(q.Method)
	a := &Answer{
		Version: Version, ID: q.ID, Nonce: q.Nonce, Perspective: "ams", Method: q.Method, Hostname: q.Hostname,
		Completed: true, Passed: true, Outcome: zonehold.OutcomeVerified, Observed: proofOf(m.Challenge(nil, c)), Software: "lies",
	}
	l(q, a)
	reply(w, http.StatusOK, a)
}

func TestAnswersThatDoNotCount(t *testing.T) {
	l := verifytest.NewLab(t)
	c := l.Claim("example.com", zonehold.ProfileZonehold)
	m := method(t, zonehold.MethodDNSTXT)
	var last string // the nonce of the asking before
	raw := func(status int, kind, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
	}
	tests := []struct {
		name  string
		h     http.Handler
		fault Fault // "": the answer counts
	}{
		{"an honest answer counts", liar(func(*Request, *Answer) {}), ""},
		{"another nonce", liar(func(_ *Request, a *Answer) { a.Nonce = strings.Repeat("0", 32) }), FaultOther},
		{"the nonce of the last time", liar(func(q *Request, a *Answer) { a.Nonce, last = last, q.Nonce }), FaultOther},
		{"another id", liar(func(_ *Request, a *Answer) { a.ID = "att_other" }), FaultOther},
		{"another host", liar(func(_ *Request, a *Answer) { a.Hostname = "www.example.com" }), FaultOther},
		{"another method", liar(func(_ *Request, a *Answer) { a.Method = zonehold.MethodFile }), FaultOther},
		{"another name", liar(func(_ *Request, a *Answer) { a.Perspective = "nyc" }), FaultOther},
		{"a pass without what was seen", liar(func(_ *Request, a *Answer) { a.Observed = "" }), FaultUnproved},
		{"a pass with another token", liar(func(_ *Request, a *Answer) { a.Observed = "token=" + strings.Repeat("a", 32) }), FaultUnproved},
		{"passed and absent", liar(func(_ *Request, a *Answer) { a.Outcome = zonehold.OutcomeAbsent }), FaultMalformed},
		{"verified and not passed", liar(func(_ *Request, a *Answer) { a.Passed = false }), FaultMalformed},
		{"not completed and passed", liar(func(_ *Request, a *Answer) { a.Completed = false }), FaultMalformed},
		{"no outcome", liar(func(_ *Request, a *Answer) { a.Outcome, a.Passed = "fine", false }), FaultMalformed},
		{"another version", liar(func(_ *Request, a *Answer) { a.Version = 2 }), FaultMalformed},
		{"a code that is none", liar(func(_ *Request, a *Answer) {
			a.Outcome, a.Passed, a.Code = zonehold.OutcomeAbsent, false, "<script>"
		}), FaultMalformed},
		{"much observed", liar(func(_ *Request, a *Answer) { a.Observed = strings.Repeat("x", maxObserved+1) }), FaultMalformed},
		{"ten megabytes", raw(200, "application/json", `{"version":1,"detail":"`+strings.Repeat("x", 10<<20)+`"}`), FaultMalformed},
		{"no JSON", raw(200, "application/json", "ok"), FaultMalformed},
		{"a page", raw(200, "text/html", "<html>"), FaultMalformed},
		{"nothing", raw(200, "application/json", ""), FaultMalformed},
		{"two answers", raw(200, "application/json", "{} {}"), FaultMalformed},
		{"a time of year 10000", raw(200, "application/json", `{"version":1,"started_at":"99999-01-01T00:00:00Z"}`), FaultMalformed},
		{"a redirect", http.RedirectHandler("https://127.0.0.1:1/", http.StatusFound), FaultRefused},
		{"an error", raw(500, "application/json", `{"error":{"code":"internal","message":"it broke"}}`), FaultRefused},
		{"busy", raw(503, "application/json", `{"error":{"code":"busy","message":"later"}}`), FaultBusy},
		{"a proxy's error", raw(502, "text/html", "<h1>Bad gateway"), FaultRefused},
		{"a huge header", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		}), FaultUnreachable},
		{"it hangs up", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), FaultUnreachable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			p := panel(t, s.serve("ams", "RIPE", tt.h))
			for range 2 { // the second time an earlier nonce is known
				if r := ask(t, p, l, m, c)[0]; r.Fault != tt.fault || (r.Answer == nil) != (tt.fault != "") {
					t.Errorf("fault %q (%s), want %q", r.Fault, r.Detail, tt.fault)
				} else if strings.ContainsAny(r.Detail, "\n\x00<") || len(r.Detail) > 3*maxDetail {
					t.Errorf("detail %q", r.Detail)
				}
			}
		})
	}
}

// Strangers on the other end of the line.
func TestServersThatAreNotOurs(t *testing.T) {
	l, s := verifytest.NewLab(t), newSite(t)
	c := l.Claim("example.com", zonehold.ProfileZonehold)
	m := method(t, zonehold.MethodDNSTXT)
	counts := liar(func(*Request, *Answer) {})
	listen := func(cfg *tls.Config, h http.Handler) string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if cfg != nil {
			ln = tls.NewListener(ln, cfg)
		}
		srv := &http.Server{Handler: h}
		go srv.Serve(ln)
		t.Cleanup(func() { srv.Close() })
		return ln.Addr().String()
	}
	good, err := ServerTLS(s.server("127.0.0.1"), s.pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	old := good.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	other := newSite(t)
	foreign, err := ServerTLS(other.server("127.0.0.1"), s.pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	named, err := ServerTLS(s.server("somewhere.else"), s.pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	clientCert, err := ServerTLS(s.client, s.pool, nil) // a client's certificate is no server's
	if err != nil {
		t.Fatal(err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	for _, tt := range []struct {
		name, addr string
		fault      Fault
	}{
		{"as it should be", listen(good, counts), ""},
		{"plain HTTP", listen(nil, counts), FaultUnreachable},
		{"TLS 1.2", listen(old, counts), FaultUnreachable},
		{"another authority", listen(foreign, counts), FaultUnreachable},
		{"another name", listen(named, counts), FaultUnreachable},
		{"a client's certificate", listen(clientCert, counts), FaultUnreachable},
		{"nobody", closed.Addr().String(), FaultUnreachable},
		{"never a handshake", silent.Addr().String(), FaultTimeout},
		{"never an answer", listen(good, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-never:
			case <-r.Context().Done():
			}
		})), FaultTimeout},
		{"an answer without end", listen(good, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, " ")
				_ = http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(50 * time.Millisecond):
				}
			}
		})), FaultTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := panel(t, s.remote("ams", "RIPE", tt.addr))
			q, _ := NewRequest(l.Kit, m.Name(), c)
			q.ID = "att_1"
			limit := patience
			if tt.fault == FaultTimeout {
				limit = 2 * time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			r := p.Ask(ctx, q, m.Challenge(l.Kit, c))[0]
			if r.Fault != tt.fault {
				t.Errorf("fault %q (%s), want %q", r.Fault, r.Detail, tt.fault)
			}
		})
	}
}

// Strangers on our end of the line.
func TestClientsThatAreNotOurs(t *testing.T) {
	l, s, other := verifytest.NewLab(t), newSite(t), newSite(t)
	s2, err := s.authority.Client(time.Now(), "second")
	if err != nil {
		t.Fatal(err)
	}
	second := s.load(s2)
	leaf := second.Leaf
	serve := func(pins ...string) string {
		cfg, err := ServerTLS(s.server("127.0.0.1"), s.pool, pins)
		if err != nil {
			t.Fatal(err)
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		srv := s.server1("ams", func() (*verify.Kit, error) { return l.Kit, nil }).HTTP()
		srv.TLSConfig = cfg
		go srv.ServeTLS(ln, "", "")
		t.Cleanup(func() { srv.Close() })
		return ln.Addr().String()
	}
	open, byName, byPrint := serve(), serve("main"), serve(strings.ToUpper(Fingerprint(leaf)))
	for _, tt := range []struct {
		name, addr string
		cert       *tls.Certificate
		max        uint16
		ok         bool
	}{
		{"ours", open, &s.client, 0, true},
		{"ours, another", open, &second, 0, true},
		{"no certificate", open, nil, 0, false},
		{"of another authority", open, &other.client, 0, false},
		{"TLS 1.2", open, &s.client, tls.VersionTLS12, false},
		{"a server's certificate", open, ptr(s.server("127.0.0.1")), 0, false},
		{"named", byName, &s.client, 0, true},
		{"not named", byName, &second, 0, false},
		{"by fingerprint", byPrint, &second, 0, true},
		{"not that fingerprint", byPrint, &s.client, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := &tls.Config{RootCAs: s.pool, MaxVersion: tt.max}
			if tt.cert != nil {
				// Not only where the server's list of authorities names its issuer.
				cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return tt.cert, nil }
			}
			hc := &http.Client{Transport: &http.Transport{TLSClientConfig: cfg}, Timeout: patience}
			defer hc.CloseIdleConnections()
			resp, err := hc.Get("https://" + tt.addr + HealthPath)
			if err == nil {
				resp.Body.Close()
			}
			if (err == nil) != tt.ok {
				t.Errorf("admitted: %v (%v), want %v", err == nil, err, tt.ok)
			}
		})
	}
	resp, err := http.Get("http://" + open + HealthPath)
	if err == nil {
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			t.Error("plain HTTP is served")
		}
	}
	if _, err := ServerTLS(s.client, nil, nil); err == nil {
		t.Error("a perspective without an authority would admit anybody")
	}
	if _, err := ServerTLS(s.client, s.pool, []string{" "}); err == nil {
		t.Error("an empty pin is taken")
	}
}

func ptr[T any](v T) *T { return &v }

func TestRequestsThatAreRefused(t *testing.T) {
	s, l := newSite(t), verifytest.NewLab(t)
	c := l.Claim("example.com", zonehold.ProfileZonehold)
	good, _ := NewRequest(nil, zonehold.MethodDNSTXT, c)
	good.ID, good.Nonce, good.TimeMS = "att_1", strings.Repeat("0", 32), 1000
	change := func(fn func(*Request)) string {
		q := good
		fn(&q)
		text, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	whole := change(func(*Request) {})
	asked := 0
	srv := s.server1("ams", func() (*verify.Kit, error) { asked++; return nil, fmt.Errorf("no") })
	post := func(method, path, kind, body string) (int, Refusal) {
		w := &recorder{header: http.Header{}}
		r, err := http.NewRequest(method, path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", kind)
		srv.ServeHTTP(w, r)
		var ref Refusal
		if err := json.Unmarshal(w.body.Bytes(), &ref); err != nil {
			t.Errorf("%q: %v", w.body.String(), err)
		}
		return w.status, ref
	}
	for _, tt := range []struct {
		name, method, path, kind, body string
		status                         int
		message                        string
	}{
		{"GET", "GET", CheckPath, "application/json", "", 405, "POST"},
		{"another path", "POST", "/", "application/json", whole, 404, CheckPath},
		{"a form", "POST", CheckPath, "application/x-www-form-urlencoded", "a=b", 415, "application/json"},
		{"too large", "POST", CheckPath, "application/json", strings.Repeat(" ", maxRequest+1), 413, "bytes"},
		{"nothing", "POST", CheckPath, "application/json", "", 400, "not a request"},
		{"an array", "POST", CheckPath, "application/json", "[]", 400, "not a request"},
		{"an unknown field", "POST", CheckPath, "application/json", `{"version":1,"url":"http://10.0.0.1/"}`, 400, "url"},
		{"more behind", "POST", CheckPath, "application/json", whole + "x", 400, "follows"},
		{"version", "POST", CheckPath, "application/json", change(func(q *Request) { q.Version = 2 }), 400, "version 2"},
		{"id", "POST", CheckPath, "application/json", change(func(q *Request) { q.ID = "a b" }), 400, "id"},
		{"nonce", "POST", CheckPath, "application/json", change(func(q *Request) { q.Nonce = "" }), 400, "nonce"},
		{"method", "POST", CheckPath, "application/json", change(func(q *Request) { q.Method = "whois" }), 400, "method"},
		{"host", "POST", CheckPath, "application/json", change(func(q *Request) { q.Hostname = "10.0.0.1" }), 400, "hostname"},
		{"host in capitals", "POST", CheckPath, "application/json", change(func(q *Request) { q.Hostname = "EXAMPLE.com" }), 400, "canonical"},
		{"scheme", "POST", CheckPath, "application/json", change(func(q *Request) { q.Scheme = "file" }), 400, "scheme"},
		{"profile", "POST", CheckPath, "application/json", change(func(q *Request) { q.Profile = "x" }), 400, "profile"},
		{"token", "POST", CheckPath, "application/json", change(func(q *Request) { q.Token = "../../x" }), 400, "token"},
		{"zone", "POST", CheckPath, "application/json", change(func(q *Request) { q.CNAMEZone = "a b" }), 400, "cname_zone"},
		{"name servers", "POST", CheckPath, "application/json", change(func(q *Request) { q.Nameservers = "some" }), 400, "nameservers"},
		{"no time", "POST", CheckPath, "application/json", change(func(q *Request) { q.TimeMS = 0 }), 400, "time_ms"},
		{"good, but no probes", "POST", CheckPath, "application/json", whole, 500, "log"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, ref := post(tt.method, tt.path, tt.kind, tt.body)
			if status != tt.status || ref.Error.Code == "" || !strings.Contains(ref.Error.Message, tt.message) {
				t.Errorf("%d %+v, want %d with %q", status, ref, tt.status, tt.message)
			}
		})
	}
	if asked != 1 {
		t.Errorf("%d kits were made, want that of the good request", asked)
	}
}

type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(s int)           { r.status = s }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// A perspective runs so many checks at a time, and says so when it is full.
func TestBusy(t *testing.T) {
	s, l := newSite(t), verifytest.NewLab(t)
	c := l.Claim("example.com", zonehold.ProfileZonehold)
	m := method(t, zonehold.MethodDNSTXT)
	begun, end := make(chan struct{}, 8), make(chan struct{})
	srv, err := NewServer(ServerConfig{Name: "ams", Checks: 1, Kit: func() (*verify.Kit, error) {
		begun <- struct{}{}
		<-end
		return l.Kit, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := panel(t, s.serve("ams", "RIPE", srv))
	first := make(chan Result)
	go func() { first <- ask(t, p, l, m, c)[0] }()
	<-begun
	if r := ask(t, p, l, m, c)[0]; r.Fault != FaultBusy {
		t.Errorf("fault %q (%s), want busy", r.Fault, r.Detail)
	}
	if srv.Health().Running != 1 {
		t.Errorf("%d run", srv.Health().Running)
	}
	close(end)
	if r := <-first; r.Fault != "" {
		t.Errorf("the first: %q (%s)", r.Fault, r.Detail)
	}
	if st := p.Status()[0]; st.State != "up" {
		t.Errorf("busy counts as down: %+v", st)
	}
}

// A stranger who may ask cannot lead a perspective to addresses inside.
func TestPerspectiveKeepsTheGuard(t *testing.T) {
	s, l := newSite(t), verifytest.NewLab(t)
	c := l.Claim("example.com", zonehold.ProfileZonehold)
	l.Net.Zone("example.com").Add("@", "A", "10.0.0.1").Add("@", "AAAA", "::1")
	p := panel(t, s.honest("ams", "RIPE", l))
	r := ask(t, p, l, method(t, zonehold.MethodFile), c)[0]
	if r.Answer == nil || r.Answer.Outcome != zonehold.OutcomeRefused || r.Answer.Code != "http_no_public_address" || len(r.Answer.Addresses) > 4 {
		t.Fatalf("%+v", r.Answer)
	}
	if strings.Contains(r.Answer.Detail, "refused") || strings.Contains(r.Answer.Detail, "timeout") {
		t.Errorf("it tells about the inside: %s", r.Answer.Detail)
	}
}
