package route53

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
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

const (
	keyID  = "AKIAIOSFODNN7EXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// aws puts a Route 53 at the place of the real one in a fake internet, and
// returns a provider that finds it by itself.
func fakeAWS(t testing.TB) (*testnet.Route53, *Provider) {
	t.Helper()
	n, err := testnet.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	server := testnet.NewRoute53().AddKey(testnet.Route53Key{ID: keyID, Secret: secret})
	n.Host("route53.amazonaws.com").Handle("", server)
	roots, err := dns.ParseRootHints(strings.NewReader(n.RootHints()))
	if err != nil {
		t.Fatal(err)
	}
	dialer := &probe.Dialer{Route: n.Route}
	resolver, err := dns.New(dns.Config{Dialer: dialer, Roots: roots})
	if err != nil {
		t.Fatal(err)
	}
	client := web.NewAPIClient(web.APIConfig{Dialer: dialer, Resolver: resolver, Roots: n.CertPool(), MaxBody: 1 << 20})
	t.Cleanup(client.CloseIdleConnections)
	return server, New(Config{HTTP: client})
}

func open(t testing.TB, p *Provider, id, secret string) *Account {
	t.Helper()
	a, err := p.Open("con_1", "Our AWS", map[string]string{AccessKeyID: id, SecretAccessKey: secret})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestZones(t *testing.T) {
	server, p := fakeAWS(t)
	public := server.AddZone(testnet.Route53Zone{Name: "Example.com"})
	second := server.AddZone(testnet.Route53Zone{Name: "example.com"})
	private := server.AddZone(testnet.Route53Zone{Name: "example.com", Private: true})
	www := server.AddZone(testnet.Route53Zone{Name: "www.example.com", NameServers: []string{"NS1.Example.net."}})
	server.AddZone(testnet.Route53Zone{Name: "other.example.com"})
	server.AddZone(testnet.Route53Zone{Name: "xexample.com"})
	server.AddZone(testnet.Route53Zone{Name: "\\052.example.com"})
	server.AddZone(testnet.Route53Zone{Name: "example.com", Account: "somebody else"})

	a := open(t, p, keyID, " "+secret+"\n")
	if a.Provider() != zonehold.MethodAWSRoute53 || a.ID() != "con_1" || a.Name() != "Our AWS" {
		t.Errorf("provider %s, id %q, name %q", a.Provider(), a.ID(), a.Name())
	}
	got, err := a.Zones(t.Context(), []string{"www.example.com", "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	want := []zonehold.HostedZone{
		{ID: public.ID, Name: "example.com", Active: true, Status: "public", NameServers: public.NameServers},
		{ID: second.ID, Name: "example.com", Active: true, Status: "public", NameServers: second.NameServers},
		{ID: private.ID, Name: "example.com", Private: true, Active: true, Status: "private"},
		{ID: www.ID, Name: "www.example.com", Active: true, Status: "public", NameServers: []string{"ns1.example.net"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("zones (-want +got):\n%s", diff)
	}
	if got, err := a.Zones(t.Context(), []string{"nothing.example.com"}); err != nil || len(got) != 0 {
		t.Errorf("zones %v, error %v", got, err)
	}
	for _, call := range server.Calls() {
		if call != "ListHostedZones" && call != "GetHostedZone" {
			t.Errorf("the action %s needs more than the privileges that are asked for", call)
		}
	}
}

// Threat: a zone of the victim's name in the attacker's own account, whose NS
// records name the victim's servers.
func TestEditableRecordsProveNothing(t *testing.T) {
	server, p := fakeAWS(t)
	victims := []string{"ns-301.awsdns-37.com", "ns-802.awsdns-36.net"}
	zone := server.AddZone(testnet.Route53Zone{Name: "victim.com", ApexNS: victims})
	got, err := open(t, p, keyID, secret).Zones(t.Context(), []string{"victim.com"})
	if err != nil || len(got) != 1 {
		t.Fatalf("zones %v, error %v", got, err)
	}
	if !slices.Equal(got[0].NameServers, zone.NameServers) || slices.Contains(got[0].NameServers, victims[0]) {
		t.Errorf("name servers %v, assigned are %v", got[0].NameServers, zone.NameServers)
	}
}

func TestPages(t *testing.T) {
	server, p := fakeAWS(t)
	for i := range 250 {
		server.AddZone(testnet.Route53Zone{Name: fmt.Sprintf("d%03d.example.com", i)})
	}
	last := server.AddZone(testnet.Route53Zone{ID: "ZZZ", Name: "last.example.com"})
	a := open(t, p, keyID, secret)
	for _, size := range []int{100, 7} { // AWS may give less than was asked for
		server.PageSize(size)
		before := len(server.Calls())
		got, err := a.Zones(t.Context(), []string{"last.example.com"})
		if err != nil || len(got) != 1 || got[0].ID != last.ID {
			t.Fatalf("pages of %d: %v, %v", size, got, err)
		}
		if n := len(server.Calls()) - before; n != (251+size-1)/size+1 {
			t.Errorf("pages of %d: %d requests", size, n)
		}
	}
	server.PageSize(5)
	if _, err := a.Zones(t.Context(), []string{"last.example.com"}); !errors.Is(err, zonehold.ErrProviderUnavailable) {
		t.Errorf("51 pages: error %v", err)
	}
	server.Fault(testnet.ProviderFaultEndless, 0)
	before := len(server.Calls())
	if _, err := a.Zones(t.Context(), []string{"last.example.com"}); !errors.Is(err, zonehold.ErrProviderUnavailable) {
		t.Errorf("endless: error %v", err)
	}
	if n := len(server.Calls()) - before; n > maxPages {
		t.Errorf("endless: %d requests", n)
	}
	server.Fault(testnet.ProviderFaultNone, 0).PageSize(100)
	for range maxSameName + 1 {
		server.AddZone(testnet.Route53Zone{Name: "many.example.com"})
	}
	if _, err := a.Zones(t.Context(), []string{"many.example.com"}); !errors.Is(err, zonehold.ErrProviderUnavailable) {
		t.Errorf("many of a name: error %v", err)
	}
}

// A zone that vanishes between two requests is simply not there.
func TestZoneRemovedMeanwhile(t *testing.T) {
	server, p := fakeAWS(t)
	z := server.AddZone(testnet.Route53Zone{Name: "example.com"})
	a := open(t, p, keyID, secret)
	server.RemoveZone(z.ID)
	if _, found, err := a.delegationSet(t.Context(), z.ID); found || err != nil {
		t.Errorf("found %t, error %v", found, err)
	}
	if zones, err := a.Zones(t.Context(), []string{"example.com"}); len(zones) != 0 || err != nil {
		t.Errorf("zones %v, error %v", zones, err)
	}
}

func TestCredentials(t *testing.T) {
	server, p := fakeAWS(t)
	server.AddZone(testnet.Route53Zone{Name: "example.com"})
	const temp, session = "ASIAIOSFODNN7EXAMPLE", "FwoGZXIvYXdzEBYaD+/session/token=="
	server.AddKey(testnet.Route53Key{ID: temp, Secret: secret, Session: session}).
		AddKey(testnet.Route53Key{ID: "ASIAEXPIRED", Secret: secret, Session: session, Expired: true}).
		AddKey(testnet.Route53Key{ID: "AKIANOLIST", Secret: secret, Denied: []string{"ListHostedZones"}}).
		AddKey(testnet.Route53Key{ID: "AKIANOGET", Secret: secret, Denied: []string{"GetHostedZone"}}).
		AddKey(testnet.Route53Key{ID: "AKIALEAST", Secret: secret, Denied: []string{"ListResourceRecordSets", "ListHostedZonesByName"}})
	const notKnown = "AWS does not know the access key, or the session token is not of it"
	for _, tt := range []struct {
		name              string
		id, secret, token string
		want              string // the reason; "" for none
	}{
		{"right", keyID, secret, "", ""},
		{"least privilege", "AKIALEAST", secret, "", ""},
		{"temporary", temp, secret, session, ""},
		{"temporary without its token", temp, secret, "", notKnown},
		{"temporary with another token", temp, secret, session + "x", notKnown},
		{"token of nobody", keyID, secret, session, notKnown},
		{"unknown key", "AKIAUNKNOWN", secret, "", notKnown},
		{"wrong secret", keyID, secret[1:] + "x", "", "the secret access key does not belong to the access key"},
		{"expired", "ASIAEXPIRED", secret, session, "the session token has expired"},
		{"may not list", "AKIANOLIST", secret, "", "the access key is not allowed route53:ListHostedZones"},
		{"may not look", "AKIANOGET", secret, "", "the access key is not allowed route53:GetHostedZone"},
	} {
		creds := map[string]string{AccessKeyID: tt.id, SecretAccessKey: tt.secret, SessionToken: tt.token}
		a, err := p.Open("con_1", "Our AWS", creds)
		if err != nil {
			t.Fatal(err)
		}
		_, zonesErr := a.Zones(t.Context(), []string{"example.com"})
		hint, testErr := p.Test(t.Context(), creds)
		if tt.want == "" && hint != tt.id[len(tt.id)-4:] || tt.want != "" && hint != "" {
			t.Errorf("%s: hint %q", tt.name, hint)
		}
		for call, err := range map[string]error{"Test": testErr, "Zones": zonesErr} {
			if tt.want == "" {
				if err != nil {
					t.Errorf("%s, %s: %v", tt.name, call, err)
				}
				continue
			}
			if !errors.Is(err, zonehold.ErrProviderCredentials) || err.Error() != zonehold.ErrProviderCredentials.Error()+": "+tt.want {
				t.Errorf("%s, %s: error %v", tt.name, call, err)
			}
			noSecrets(t, err, tt.id, tt.secret, tt.token)
		}
	}
}

func noSecrets(t *testing.T, err error, secrets ...string) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, s := range secrets {
			if s != "" && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), s) {
				t.Errorf("the error %v repeats a credential", err)
			}
		}
		if _, many := err.(interface{ Unwrap() []error }); many {
			t.Errorf("the error %v carries more than its reason", err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	p := New(Config{})
	for _, creds := range []map[string]string{
		nil,
		{},
		{AccessKeyID: keyID},
		{SecretAccessKey: secret},
		{AccessKeyID: keyID, SecretAccessKey: "  "},
		{AccessKeyID: keyID + "\r\nX-Evil: 1", SecretAccessKey: secret},
		{AccessKeyID: "AKIA/evil", SecretAccessKey: secret},
		{AccessKeyID: strings.Repeat("A", 200), SecretAccessKey: secret},
		{AccessKeyID: keyID, SecretAccessKey: secret + "\x00"},
		{AccessKeyID: keyID, SecretAccessKey: `"` + secret + `"`},
		{AccessKeyID: keyID, SecretAccessKey: strings.Repeat("s", 300)},
		{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: "a b"},
		{AccessKeyID: keyID, SecretAccessKey: secret, "region": "x"},
		{AccessKeyID: keyID, SecretAccessKey: secret, secret: "x"},
		{"token": "x"},
	} {
		a, err := p.Open("", "", creds)
		if a != nil || !errors.Is(err, zonehold.ErrProviderCredentials) {
			t.Errorf("%q: error %v", creds, err)
			continue
		}
		noSecrets(t, err, keyID, secret)
	}
}

func TestOutages(t *testing.T) {
	for _, tt := range []struct {
		fault testnet.ProviderFault
		want  error
		text  string
	}{
		{testnet.ProviderFaultThrottled, zonehold.ErrProviderUnavailable, "AWS asks for fewer requests"},
		{testnet.ProviderFaultUnavailable, zonehold.ErrProviderUnavailable, "AWS answers with status 503"},
		{testnet.ProviderFaultInternal, zonehold.ErrProviderUnavailable, "AWS answers with status 500, InternalFailure"},
		{testnet.ProviderFaultHTML, zonehold.ErrProviderUnavailable, "the answer is not one of the Route 53 API"},
		{testnet.ProviderFaultGarbage, zonehold.ErrProviderUnavailable, "the answer is not one of the Route 53 API"},
		{testnet.ProviderFaultCut, zonehold.ErrProviderUnavailable, "the answer is not one of the Route 53 API"},
		{testnet.ProviderFaultHuge, zonehold.ErrProviderUnavailable, "the answer is larger than any that AWS gives"},
		{testnet.ProviderFaultRedirect, zonehold.ErrProviderUnavailable, "AWS answers with status 302"},
		{testnet.ProviderFaultEcho, zonehold.ErrProviderCredentials, "the secret access key does not belong to the access key"},
	} {
		t.Run(fmt.Sprint(tt.fault), func(t *testing.T) {
			t.Parallel()
			server, p := fakeAWS(t)
			server.AddZone(testnet.Route53Zone{Name: "example.com"})
			server.Fault(tt.fault, 0)
			a := open(t, p, keyID, secret)
			_, err := a.Zones(t.Context(), []string{"example.com"})
			if !errors.Is(err, tt.want) || err.Error() != tt.want.Error()+": "+tt.text {
				t.Errorf("error %v, want %s", err, tt.text)
			}
			noSecrets(t, err, keyID, secret, "AWS4-HMAC")
			want := 1
			if slices.Contains([]testnet.ProviderFault{testnet.ProviderFaultThrottled, testnet.ProviderFaultUnavailable, testnet.ProviderFaultInternal}, tt.fault) {
				want = attempts
			}
			if n := len(server.Calls()); n != want {
				t.Errorf("%d requests, want %d", n, want)
			}
			if _, err := p.Test(t.Context(), map[string]string{AccessKeyID: keyID, SecretAccessKey: secret}); !errors.Is(err, tt.want) {
				t.Errorf("Test: error %v", err)
			}
			// It was not remembered.
			server.Fault(testnet.ProviderFaultNone, 0)
			if zones, err := a.Zones(t.Context(), []string{"example.com"}); len(zones) != 1 || err != nil {
				t.Errorf("afterwards: %v, %v", zones, err)
			}
		})
	}
}

// One bad answer is asked for again.
func TestRetries(t *testing.T) {
	server, p := fakeAWS(t)
	server.AddZone(testnet.Route53Zone{Name: "example.com"})
	for _, fault := range []testnet.ProviderFault{testnet.ProviderFaultThrottled, testnet.ProviderFaultUnavailable, testnet.ProviderFaultInternal} {
		server.Fault(fault, 1)
		if zones, err := open(t, p, keyID, secret).Zones(t.Context(), []string{"example.com"}); len(zones) != 1 || err != nil {
			t.Errorf("fault %d: %v, %v", fault, zones, err)
		}
	}
}

func TestSilence(t *testing.T) {
	server, p := fakeAWS(t)
	server.Fault(testnet.ProviderFaultSilent, 0)
	a := open(t, p, keyID, secret)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := a.Zones(ctx, []string{"example.com"})
	if want := zonehold.ErrProviderUnavailable.Error() + ": AWS does not answer in time"; err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := a.Zones(ctx, []string{"example.com"}); !errors.Is(err, zonehold.ErrProviderUnavailable) {
		t.Errorf("cancelled: error %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	_, p := fakeAWS(t)
	for endpoint, want := range map[string]string{
		"https://nobody.example.com":   "no connection to AWS",
		"https://127.0.0.1":            "the endpoint is at an address that may not be asked",
		"http://169.254.169.254":       "the endpoint is at an address that may not be asked",
		"http://route53.amazonaws.com": "the endpoint is at an address that may not be asked",
	} {
		_, err := open(t, New(Config{HTTP: p.cfg.HTTP, Endpoint: endpoint}), keyID, secret).Zones(t.Context(), nil)
		if !errors.Is(err, zonehold.ErrProviderUnavailable) || err.Error() != zonehold.ErrProviderUnavailable.Error()+": "+want {
			t.Errorf("%s: error %v", endpoint, err)
		}
	}
}

// The endpoint of the configuration is asked, whatever the environment says;
// neither does the environment lend its credentials.
func TestEndpointAndEnvironment(t *testing.T) {
	fake := testnet.NewRoute53().AddKey(testnet.Route53Key{ID: keyID, Secret: secret})
	fake.AddZone(testnet.Route53Zone{Name: "example.com"})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the environment's endpoint was asked") }))
	defer elsewhere.Close()
	for k, v := range map[string]string{
		"AWS_ENDPOINT_URL": elsewhere.URL, "AWS_ENDPOINT_URL_ROUTE_53": elsewhere.URL,
		"AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "environment", "AWS_SESSION_TOKEN": "environment",
		"AWS_PROFILE": "nobody", "AWS_CONTAINER_CREDENTIALS_FULL_URI": elsewhere.URL, "AWS_REGION": "eu-central-1",
	} {
		t.Setenv(k, v)
	}
	client := web.NewAPIClient(web.APIConfig{Dialer: &probe.Dialer{}, Configured: []string{strings.TrimPrefix(srv.URL, "http://")}})
	defer client.CloseIdleConnections()
	p := New(Config{HTTP: client, Endpoint: srv.URL + "/"})
	if zones, err := open(t, p, keyID, secret).Zones(t.Context(), []string{"example.com"}); len(zones) != 1 || err != nil {
		t.Errorf("zones %v, error %v", zones, err)
	}
}

// What comes from AWS is not believed to be well formed.
func TestHostileAnswers(t *testing.T) {
	const list = `<ListHostedZonesResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><HostedZones>%s</HostedZones><IsTruncated>%s</IsTruncated>%s<MaxItems>100</MaxItems></ListHostedZonesResponse>`
	zone := func(id string) string {
		return "<HostedZone><Id>" + id + "</Id><Name>example.com.</Name><CallerReference>x</CallerReference></HostedZone>"
	}
	for name, tt := range map[string]struct {
		list string
		get  string
		fail bool
		n    int
	}{
		"no marker":      {list: fmt.Sprintf(list, "", "true", ""), fail: true},
		"marker of ours": {list: fmt.Sprintf(list, "", "true", "<NextMarker>X</NextMarker>"), fail: true},
		"ids that climb": {list: fmt.Sprintf(list, zone("../../x")+zone("a/b?c")+zone("")+zone("Z1&#10;"), "false", "")},
		"empty":          {list: "", fail: true},
		"no set":         {list: fmt.Sprintf(list, zone("Z1"), "false", ""), get: `<GetHostedZoneResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"></GetHostedZoneResponse>`, n: 1},
		"thousand servers": {list: fmt.Sprintf(list, zone("Z1"), "false", ""), get: `<GetHostedZoneResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><DelegationSet><NameServers>` +
			strings.Repeat("<NameServer>ns.example.net</NameServer>", 1000) + `</NameServers></DelegationSet></GetHostedZoneResponse>`, fail: true},
		"deep":     {list: strings.Repeat("<a>", 100_000), fail: true},
		"entities": {list: `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><ListHostedZonesResponse>&b;</ListHostedZonesResponse>`, fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/hostedzone") {
					fmt.Fprint(w, tt.list)
				} else {
					fmt.Fprint(w, tt.get)
				}
			}))
			defer srv.Close()
			client := web.NewAPIClient(web.APIConfig{Dialer: &probe.Dialer{}, Configured: []string{strings.TrimPrefix(srv.URL, "http://")}})
			defer client.CloseIdleConnections()
			zones, err := open(t, New(Config{HTTP: client, Endpoint: srv.URL}), keyID, secret).Zones(t.Context(), []string{"example.com"})
			if (err != nil) != tt.fail || len(zones) != tt.n {
				t.Errorf("zones %v, error %v", zones, err)
			}
			if err != nil && !errors.Is(err, zonehold.ErrProviderUnavailable) {
				t.Errorf("error %v", err)
			}
		})
	}
}
