package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/testnet"
)

const token = "YQSn-xWAQiiEh9qM58wZNnyQS7FUdoqGIUAbrh7T"

// fakeCloudflare puts the API at the place of the real one in a fake internet,
// and returns a provider that finds it by itself.
func fakeCloudflare(t testing.TB) (*testnet.Cloudflare, *Provider) {
	t.Helper()
	n, err := testnet.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	server := testnet.NewCloudflare().AddToken(testnet.CloudflareToken{Value: token})
	n.Host("api.cloudflare.com").Handle("", server)
	roots, err := dns.ParseRootHints(strings.NewReader(n.RootHints()))
	if err != nil {
		t.Fatal(err)
	}
	dialer := &probe.Dialer{Route: n.Route}
	resolver, err := dns.New(dns.Config{Dialer: dialer, Roots: roots})
	if err != nil {
		t.Fatal(err)
	}
	client := web.NewAPIClient(web.APIConfig{Dialer: dialer, Resolver: resolver, Roots: n.CertPool(), MaxBody: 16 << 20})
	t.Cleanup(client.CloseIdleConnections)
	return server, New(Config{HTTP: client})
}

func open(t testing.TB, p *Provider, token string) *Account {
	t.Helper()
	a, err := p.Open("con_1", "Our Cloudflare", map[string]string{APIToken: token})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestZones(t *testing.T) {
	server, p := fakeCloudflare(t)
	active := server.AddZone(testnet.CloudflareZone{Name: "example.com", OriginalNameServers: []string{"ns1.victim.net"}})
	pending := server.AddZone(testnet.CloudflareZone{Name: "example.com", Status: "pending", NameServers: []string{"ADA.NS.cloudflare.com."}})
	partial := server.AddZone(testnet.CloudflareZone{Name: "www.example.com", Type: "partial", NameServers: []string{"ns1.victim.net"}})
	paused := server.AddZone(testnet.CloudflareZone{Name: "shop.example.com", Paused: true})
	internal := server.AddZone(testnet.CloudflareZone{Name: "internal.example.com", Type: "internal"})
	odd := server.AddZone(testnet.CloudflareZone{Name: "odd.example.com", Status: "<script>", NameServers: []string{}})
	idn := server.AddZone(testnet.CloudflareZone{Name: "xn--bcher-kva.example.com"})
	server.AddZone(testnet.CloudflareZone{Name: "other.example.com"})
	server.AddZone(testnet.CloudflareZone{Name: "example.com", Account: "somebody else"})

	a := open(t, p, "\t"+token+"\n")
	if a.Provider() != zonehold.MethodCloudflare || a.ID() != "con_1" || a.Name() != "Our Cloudflare" {
		t.Errorf("provider %s, id %q, name %q", a.Provider(), a.ID(), a.Name())
	}
	got, err := a.Zones(t.Context(), []string{
		"www.example.com", "example.com", "nothing.example.com", "shop.example.com", "internal.example.com", "odd.example.com", "xn--bcher-kva.example.com",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []zonehold.HostedZone{
		{ID: partial.ID, Name: "www.example.com", Status: "partial (CNAME set-up)"},
		{ID: active.ID, Name: "example.com", Active: true, Status: "active", NameServers: active.NameServers},
		{ID: pending.ID, Name: "example.com", Status: "pending", NameServers: []string{"ada.ns.cloudflare.com"}},
		{ID: paused.ID, Name: "shop.example.com", Active: true, Status: "active, paused", NameServers: paused.NameServers},
		{ID: internal.ID, Name: "internal.example.com", Private: true, Active: true, Status: "active", NameServers: internal.NameServers},
		{ID: odd.ID, Name: "odd.example.com", Status: "unknown"},
		{ID: idn.ID, Name: "xn--bcher-kva.example.com", Active: true, Status: "active", NameServers: idn.NameServers},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("zones (-want +got):\n%s", diff)
	}
}

func TestPages(t *testing.T) {
	server, p := fakeCloudflare(t)
	for range 120 {
		server.AddZone(testnet.CloudflareZone{Name: "example.com", Status: "moved"})
	}
	a := open(t, p, token)
	if got, err := a.Zones(t.Context(), []string{"example.com"}); err != nil || len(got) != 120 {
		t.Errorf("%d zones, error %v", len(got), err)
	}
	if n := len(server.Calls()); n != 3 {
		t.Errorf("%d requests", n)
	}
	server.Fault(testnet.ProviderFaultEndless, 0)
	if _, err := a.Zones(t.Context(), []string{"example.com"}); !errors.Is(err, zonehold.ErrProviderUnavailable) {
		t.Errorf("endless: error %v", err)
	}
	if n := len(server.Calls()); n != 3+maxPages {
		t.Errorf("endless: %d requests", n)
	}
	if _, err := a.Zones(t.Context(), make([]string, 100)); !errors.Is(err, zonehold.ErrProviderUnavailable) || len(server.Calls()) != 3+maxPages {
		t.Errorf("many names: error %v", err)
	}
}

func TestCredentials(t *testing.T) {
	server, p := fakeCloudflare(t)
	server.AddZone(testnet.CloudflareZone{Name: "example.com"})
	name := func(s string) string { return s + strings.Repeat("x", 30) }
	server.AddToken(testnet.CloudflareToken{Value: name("disabled"), Status: "disabled"}).
		AddToken(testnet.CloudflareToken{Value: name("expired"), Status: "expired"}).
		AddToken(testnet.CloudflareToken{Value: name("nozones"), NoZones: true}).
		AddToken(testnet.CloudflareToken{Value: name("account"), OfAccount: true})
	const notKnown = "Cloudflare does not know the token, or it is no longer valid"
	for _, tt := range []struct{ token, hint, test, zones string }{
		{token, "70b0", "", ""},
		{name("account"), "", "", ""},
		{name("disabled"), "", "the token is disabled", notKnown},
		{name("expired"), "", "the token has expired", notKnown},
		{name("nozones"), "", "the token lacks the permission Zone:Read", "the token lacks the permission Zone:Read"},
		{name("unknown"), "", notKnown, notKnown},
		{"short", "", "the token does not have the form of one", "the token does not have the form of one"},
	} {
		hint, err := p.Test(t.Context(), map[string]string{APIToken: tt.token})
		wantReason(t, tt.token+", Test", err, zonehold.ErrProviderCredentials, tt.test)
		noSecrets(t, err, tt.token)
		if hint != tt.hint {
			t.Errorf("%s: hint %q", tt.token, hint)
		}
		_, err = open(t, p, tt.token).Zones(t.Context(), []string{"example.com"})
		wantReason(t, tt.token+", Zones", err, zonehold.ErrProviderCredentials, tt.zones)
		noSecrets(t, err, tt.token)
	}
}

func wantReason(t *testing.T, what string, err, kind error, reason string) {
	t.Helper()
	switch {
	case reason == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case reason != "" && (!errors.Is(err, kind) || err.Error() != kind.Error()+": "+reason):
		t.Errorf("%s: error %v, want %v: %s", what, err, kind, reason)
	}
}

func noSecrets(t *testing.T, err error, secrets ...string) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, s := range secrets {
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), s) {
				t.Errorf("the error %v repeats a credential", err)
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	p := New(Config{})
	for _, creds := range []map[string]string{
		nil, {}, {APIToken: ""}, {APIToken: " "}, {"token": token}, {token: token}, {APIToken: token, "email": "x"},
		{APIToken: token + "\r\nX-Evil: 1"}, {APIToken: "Bearer " + token}, {APIToken: `"` + token + `"`},
		{APIToken: strings.Repeat("x", 300)}, {APIToken: "x"}, {APIToken: token + "\x00"}, {APIToken: "тест" + token},
	} {
		a, err := p.Open("", "", creds)
		if a != nil || !errors.Is(err, zonehold.ErrProviderCredentials) {
			t.Errorf("%q: error %v", creds, err)
			continue
		}
		noSecrets(t, err, token)
	}
}

func TestOutages(t *testing.T) {
	for _, tt := range []struct {
		fault testnet.ProviderFault
		calls int
		want  error
		text  string
	}{
		{testnet.ProviderFaultThrottled, attempts, zonehold.ErrProviderUnavailable, "Cloudflare asks for fewer requests"},
		{testnet.ProviderFaultUnavailable, attempts, zonehold.ErrProviderUnavailable, "Cloudflare answers with status 503"},
		{testnet.ProviderFaultInternal, attempts, zonehold.ErrProviderUnavailable, "Cloudflare answers with status 500"},
		{testnet.ProviderFaultHTML, 1, zonehold.ErrProviderUnavailable, "the answer is not one of the Cloudflare API"},
		{testnet.ProviderFaultGarbage, 1, zonehold.ErrProviderUnavailable, "the answer is not one of the Cloudflare API"},
		{testnet.ProviderFaultCut, 1, zonehold.ErrProviderUnavailable, "the answer is not one of the Cloudflare API"},
		{testnet.ProviderFaultHuge, 1, zonehold.ErrProviderUnavailable, "the answer is larger than any that Cloudflare gives"},
		{testnet.ProviderFaultRedirect, 1, zonehold.ErrProviderUnavailable, "Cloudflare answers with status 302"},
		{testnet.ProviderFaultEcho, 1, zonehold.ErrProviderCredentials, "Cloudflare does not know the token, or it is no longer valid"},
	} {
		t.Run(fmt.Sprint(tt.fault), func(t *testing.T) {
			t.Parallel()
			server, p := fakeCloudflare(t)
			server.AddZone(testnet.CloudflareZone{Name: "example.com"})
			server.Fault(tt.fault, 0)
			a := open(t, p, token)
			_, err := a.Zones(t.Context(), []string{"example.com"})
			wantReason(t, "Zones", err, tt.want, tt.text)
			noSecrets(t, err, token)
			if n := len(server.Calls()); n != tt.calls {
				t.Errorf("%d requests, want %d", n, tt.calls)
			}
			_, err = p.Test(t.Context(), map[string]string{APIToken: token})
			wantReason(t, "Test", err, tt.want, tt.text)
			server.Fault(testnet.ProviderFaultNone, 0)
			if zones, err := a.Zones(t.Context(), []string{"example.com"}); len(zones) != 1 || err != nil {
				t.Errorf("afterwards: %v, %v", zones, err)
			}
		})
	}
}

// One bad answer is asked for again.
func TestRetries(t *testing.T) {
	server, p := fakeCloudflare(t)
	server.AddZone(testnet.CloudflareZone{Name: "example.com"})
	for _, fault := range []testnet.ProviderFault{testnet.ProviderFaultThrottled, testnet.ProviderFaultUnavailable, testnet.ProviderFaultInternal} {
		server.Fault(fault, 1)
		if zones, err := open(t, p, token).Zones(t.Context(), []string{"example.com"}); len(zones) != 1 || err != nil {
			t.Errorf("fault %d: %v, %v", fault, zones, err)
		}
	}
}

func TestSilence(t *testing.T) {
	server, p := fakeCloudflare(t)
	server.Fault(testnet.ProviderFaultSilent, 0)
	a := open(t, p, token)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := a.Zones(ctx, []string{"example.com"})
	wantReason(t, "deadline", err, zonehold.ErrProviderUnavailable, "Cloudflare does not answer in time")
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	_, err = a.Zones(ctx, []string{"example.com"})
	wantReason(t, "cancelled", err, zonehold.ErrProviderUnavailable, "the request was cancelled")
	// The wait between attempts ends with the caller's patience.
	server.Fault(testnet.ProviderFaultUnavailable, 0)
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err = a.Zones(ctx, []string{"example.com"}); !errors.Is(err, zonehold.ErrProviderUnavailable) {
		t.Errorf("error %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	_, p := fakeCloudflare(t)
	const notAllowed = "the endpoint is at an address that may not be asked"
	for endpoint, want := range map[string]string{
		"https://nobody.example.com/client/v4":     "no connection to Cloudflare",
		"https://127.0.0.1/client/v4":              notAllowed,
		"http://169.254.169.254":                   notAllowed,
		"http://api.cloudflare.com/client/v4":      notAllowed,
		"https://u:p@api.cloudflare.com/client/v4": notAllowed,
		"%zz": "the address of the API is not a URL",
	} {
		_, err := open(t, New(Config{HTTP: p.http, Endpoint: endpoint}), token).Zones(t.Context(), []string{"example.com"})
		wantReason(t, endpoint, err, zonehold.ErrProviderUnavailable, want)
	}
}

// An endpoint of the configuration may be on loopback, and ends as one likes.
func TestEndpoint(t *testing.T) {
	server := testnet.NewCloudflare().AddToken(testnet.CloudflareToken{Value: token})
	server.AddZone(testnet.CloudflareZone{Name: "example.com"})
	srv := httptest.NewServer(server)
	defer srv.Close()
	client := web.NewAPIClient(web.APIConfig{Dialer: &probe.Dialer{}, Configured: []string{strings.TrimPrefix(srv.URL, "http://")}})
	defer client.CloseIdleConnections()
	for _, path := range []string{"", "/", "/client/v4", "/client/v4/"} {
		if zones, err := open(t, New(Config{HTTP: client, Endpoint: srv.URL + path}), token).Zones(t.Context(), []string{"example.com"}); len(zones) != 1 || err != nil {
			t.Errorf("%q: zones %v, error %v", path, zones, err)
		}
	}
}

// What comes from Cloudflare is not believed to be well formed.
func TestHostileAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		want   error
		n      int
	}{
		"empty":              {200, ``, zonehold.ErrProviderUnavailable, 0},
		"null":               {200, `null`, zonehold.ErrProviderUnavailable, 0},
		"no success":         {200, `{"result":[]}`, zonehold.ErrProviderUnavailable, 0},
		"no result":          {200, `{"success":true}`, zonehold.ErrProviderUnavailable, 0},
		"null result":        {200, `{"success":true,"result":null}`, zonehold.ErrProviderUnavailable, 0},
		"result of a kind":   {200, `{"success":true,"result":{"id":"x"}}`, zonehold.ErrProviderUnavailable, 0},
		"fields of a kind":   {200, `{"success":true,"result":[{"id":1,"name":{}}]}`, zonehold.ErrProviderUnavailable, 0},
		"success as text":    {200, `{"success":"true","result":[]}`, zonehold.ErrProviderUnavailable, 0},
		"deep":               {200, `{"success":true,"result":` + strings.Repeat("[", 100_000), zonehold.ErrProviderUnavailable, 0},
		"not successful":     {200, `{"success":false,"errors":[{"code":9109}],"result":[{"name":"example.com"}]}`, zonehold.ErrProviderCredentials, 0},
		"no errors":          {400, `{"success":false}`, zonehold.ErrProviderUnavailable, 0},
		"refusal of its own": {403, `{"success":false,"errors":[{"code":4711,"message":"` + token + `"}]}`, zonehold.ErrProviderCredentials, 0},
		"firewall":           {403, `<html>Attention Required! ` + token + `</html>`, zonehold.ErrProviderUnavailable, 0},
		"thousand servers":   {200, `{"success":true,"result":[{"name":"example.com","name_servers":["` + strings.Repeat(`a","`, 1000) + `"]}]}`, zonehold.ErrProviderUnavailable, 0},
		"another name":       {200, `{"success":true,"result":[{"name":"evil.com"},{"name":"EXAMPLE.com."}]}`, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			}))
			defer srv.Close()
			client := web.NewAPIClient(web.APIConfig{Dialer: &probe.Dialer{}, Configured: []string{strings.TrimPrefix(srv.URL, "http://")}})
			defer client.CloseIdleConnections()
			zones, err := open(t, New(Config{HTTP: client, Endpoint: srv.URL}), token).Zones(t.Context(), []string{"example.com"})
			if !errors.Is(err, tt.want) || len(zones) != tt.n {
				t.Errorf("zones %v, error %v", zones, err)
			}
			noSecrets(t, err, token)
		})
	}
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{``, `{"success":true,"result":[{"id":"a","name":"b.c","name_servers":["x"]}]}`, `{"success":false,"errors":[{"code":1}]}`} {
		f.Add(200, []byte(s))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		client := &http.Client{Transport: answer(func() *http.Response {
			rec := httptest.NewRecorder()
			rec.WriteHeader(status)
			rec.Body.Write(body)
			return rec.Result()
		})}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		zones, err := open(t, New(Config{HTTP: client}), token).Zones(ctx, []string{"example.com"})
		for _, z := range zones {
			if err != nil || z.Name != "example.com" {
				t.Errorf("zone %+v, error %v", z, err)
			}
		}
		if err != nil && !errors.Is(err, zonehold.ErrProviderUnavailable) && !errors.Is(err, zonehold.ErrProviderCredentials) {
			t.Errorf("error %v", err)
		}
	})
}

type answer func() *http.Response

func (a answer) RoundTrip(*http.Request) (*http.Response, error) { return a(), nil }
