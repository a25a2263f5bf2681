package attacktest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/notify"
	"github.com/zonehold/zonehold/internal/provider/cloudflare"
	"github.com/zonehold/zonehold/internal/provider/route53"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/registry"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
)

// onBoth runs fn on both databases, beside the other tests.
func onBoth(t *testing.T, fn func(t *testing.T, s *store.Store)) {
	t.Helper()
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		t.Parallel()
		fn(t, s)
	})
}

// world is a service with all that it may ask: registries, a mail relay, and
// the APIs of two DNS providers, which are sites of the fake internet.
type world struct {
	*service
	registries *testnet.Registries
	mail       *testnet.MailServer
	aws        *testnet.Route53
	cloudflare *testnet.Cloudflare
}

// setting changes how a world is made.
type setting struct {
	signed   bool // all zones, and the resolver validates
	registry registry.Config
	dns      dns.Config
	kit      func(*verify.Kit)
	app      app.Config
}

func newWorld(t *testing.T, s *store.Store, o setting) *world {
	t.Helper()
	w := &world{service: &service{lab: newLab(t), t: t}, aws: testnet.NewRoute53(), cloudflare: testnet.NewCloudflare()}
	if o.signed {
		w.Net.SignAll(testnet.SignOptions{})
		anchors, err := dns.ParseTrustAnchors(strings.NewReader(w.Net.TrustAnchors()))
		if err != nil {
			t.Fatal(err)
		}
		o.dns.TrustAnchors = anchors
	}
	w.registries = w.Net.NewRegistries()
	w.mail = w.Net.MailServer(testnet.MailOptions{NoSTARTTLS: true})
	w.Net.Host("route53.amazonaws.com").Handle("", w.aws)
	w.Net.Host("api.cloudflare.com").Handle("", w.cloudflare)
	if o.dns.QueryTimeout == 0 {
		o.dns.QueryTimeout = 3 * time.Second
	}
	kit := w.kit(probe.GuardConfig{}, o.dns, web.Config{Timeout: 20 * time.Second})
	dialer := &probe.Dialer{Guard: probe.NewGuard(probe.GuardConfig{}), Route: w.Net.Route}
	apis := web.APIConfig{Dialer: dialer, Resolver: kit.DNS, Roots: w.Net.CertPool(), Timeout: 5 * time.Second}
	http := web.NewAPIClient(apis)
	t.Cleanup(http.CloseIdleConnections)
	apis.MaxRedirects = 3
	o.registry.Dialer, o.registry.DNS, o.registry.HTTP = dialer, kit.DNS, web.NewAPIClient(apis)
	t.Cleanup(o.registry.HTTP.CloseIdleConnections)
	o.registry.WHOISRoot = w.registries.WHOISRoot()
	if o.registry.Bootstrap == "" {
		o.registry.Bootstrap = w.registries.BootstrapURL()
	}
	var err error
	if kit.Registry, err = registry.New(o.registry); err != nil {
		t.Fatal(err)
	}
	if o.kit != nil {
		o.kit(kit)
	}
	r53, cf := route53.New(route53.Config{HTTP: http}), cloudflare.New(cloudflare.Config{HTTP: http})
	relay, err := notify.ParseRelay("smtp://" + w.mail.Addr().String() + "?starttls=never")
	if err != nil {
		t.Fatal(err)
	}
	mail, err := notify.NewMail(relay, "zonehold@service.example", probe.NewConfigured(relay.Endpoint()).DialContext)
	if err != nil {
		t.Fatal(err)
	}
	o.app.Kit, o.app.Mail = kit, sender{mail}
	o.app.Providers = map[zonehold.Method]app.Provider{
		zonehold.MethodAWSRoute53: provider[*route53.Account]{r53.Open, r53.Test},
		zonehold.MethodCloudflare: provider[*cloudflare.Account]{cf.Open, cf.Test},
	}
	w.start(s, o.app)
	return w
}

// provider and sender stand between packages as the program's own do.
type provider[A verify.ZoneAccount] struct {
	open func(id, name string, credentials map[string]string) (A, error)
	test func(ctx context.Context, credentials map[string]string) (string, error)
}

func (p provider[A]) Open(id, name string, credentials map[string]string) (verify.ZoneAccount, error) {
	a, err := p.open(id, name, credentials)
	if err != nil {
		return nil, err
	}
	return a, nil
}

func (p provider[A]) Test(ctx context.Context, credentials map[string]string) (string, error) {
	return p.test(ctx, credentials)
}

type sender struct{ *notify.Mail }

func (s sender) Send(ctx context.Context, to, subject, text string) error {
	err := s.Mail.Send(ctx, to, subject, text)
	switch {
	case errors.Is(err, notify.ErrRefused):
		return fmt.Errorf("%w: %w", app.ErrMailRefused, err)
	case errors.Is(err, notify.ErrDelayed):
		return fmt.Errorf("%w: %w", app.ErrMailDelayed, err)
	}
	return err
}

// person is an account; address, if any, is confirmed by the operator.
func (v *service) person(name, address string, scopes ...zonehold.Scope) *account {
	v.t.Helper()
	a, err := v.auth.CreateAccount(v.t.Context(), name, address, address != "")
	if err != nil {
		v.t.Fatal(err)
	}
	if len(scopes) == 0 {
		scopes = []zonehold.Scope{zonehold.ScopeAdmin}
	}
	return v.signIn(a, scopes...)
}

// operator is a token that may write policies.
func (v *service) operator() *account {
	v.t.Helper()
	return v.person("operator", "", zonehold.ScopeOperator)
}

// claim creates a domain.
func (a *account) claim(host string) *api.Domain {
	a.service.t.Helper()
	return a.create(api.CreateDomain{Hostname: host})
}

// now is the domain as it is now.
func (a *account) now(ref string) *api.Domain {
	a.service.t.Helper()
	d, err := a.Domain(a.service.t.Context(), ref)
	if err != nil {
		a.service.t.Fatalf("reading %s: %v", ref, err)
	}
	return d
}

// refuses wants a check to end without a proof, with one of the codes.
func (a *account) refuses(ref, method string, codes ...string) *api.Attempt {
	a.service.t.Helper()
	at := a.check(ref, method)
	switch {
	case at.Outcome == nil || *at.Outcome == "verified":
		a.service.t.Errorf("%s by %s: outcome %s", ref, method, deref(at.Outcome))
	case at.Problem == nil:
		a.service.t.Errorf("%s by %s: %s without a problem", ref, method, *at.Outcome)
	case len(codes) > 0 && !slices.Contains(codes, at.Problem.Code):
		a.service.t.Errorf("%s by %s: problem %s (found: %s), want %v", ref, method, at.Problem.Code, deref(at.Problem.Found), codes)
	}
	return at
}

// proves wants a check to find the proof.
func (a *account) proves(ref, method string) {
	a.service.t.Helper()
	if at := a.check(ref, method); at.Outcome == nil || *at.Outcome != "verified" {
		a.service.t.Errorf("%s by %s: outcome %s, problem %+v", ref, method, deref(at.Outcome), at.Problem)
	}
}

// owns claims a name and proves it by a placed proof.
func (a *account) owns(host, method string) *api.Domain {
	a.service.t.Helper()
	d := a.claim(host)
	a.publish(d, method)
	a.proves(d.ID, method)
	return a.now(d.ID)
}

// is wants the domain to be in a state.
func (a *account) is(ref, state string) *api.Domain {
	a.service.t.Helper()
	d := a.now(ref)
	if d.State != state || d.Verified != (state == "verified" || state == "at_risk") {
		a.service.t.Errorf("%s of %s: %s by %s, want %s", d.Hostname, a.name, d.State, deref(d.Method), state)
	}
	return d
}

// becomes waits for a state.
func (a *account) becomes(ref, state string) {
	a.service.t.Helper()
	eventually(a.service.t, func() bool { return a.now(ref).State == state })
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// fails wants an error of one of the statuses.
func fails(t *testing.T, what string, err error, statuses ...int) *client.Error {
	t.Helper()
	e, ok := errors.AsType[*client.Error](err)
	if !ok || !slices.Contains(statuses, e.Status) {
		t.Errorf("%s: %v, want status %v", what, err, statuses)
		return new(client.Error)
	}
	if why := unclean(e.Title+e.Detail+strings.Join(e.Fixes, ""), 3000); why != "" {
		t.Errorf("%s: %s in %+v", what, why, e)
	}
	return e
}

var codeLine = regexp.MustCompile(`(?m)^\s+([A-Z0-9]{5}-[A-Z0-9]{5})\s*$`)

// mailedCode is the code in the latest mail to an address.
func (w *world) mailedCode(address string) string {
	w.t.Helper()
	mails := w.mail.MailsTo(address)
	if len(mails) == 0 {
		w.t.Fatalf("no mail to %s", address)
	}
	m := codeLine.FindStringSubmatch(mails[len(mails)-1].Text())
	if m == nil {
		w.t.Fatalf("no code in:\n%s", mails[len(mails)-1].Text())
	}
	return m[1]
}

// servers are the names of a zone's servers, as a provider lists them.
func (w *world) servers(zone string) []string {
	var out []string
	for _, s := range w.Net.Zone(zone).Servers() {
		out = append(out, strings.TrimSuffix(s.Name(), "."))
	}
	return out
}
