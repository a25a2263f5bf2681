package main

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/internal/notify"
	"github.com/zonehold/zonehold/internal/provider/cloudflare"
	"github.com/zonehold/zonehold/internal/provider/route53"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/registry"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/verify"
)

// outside is everything through which the program speaks to others.
type outside struct {
	kit       *verify.Kit
	mail      app.Mailer // nil: mail is off
	providers map[zonehold.Method]app.Provider
	hooks     hooks
	// perspectives are asked for the same checks.
	perspectives app.PerspectiveConfig
}

// ways are how the outside is reached: the real internet, or a fake one.
type ways struct {
	dialer *probe.Dialer
	dns    dns.Config
	web    web.Config
	roots  *x509.CertPool // for APIs; nil: the platform's
}

// newKit builds the probes as the configuration says. Its errors are wrong
// settings.
func newKit(cfg *config.Config) (*verify.Kit, error) {
	out, err := newOutside(cfg)
	return out.kit, err
}

// newOutside is newKit with what only a server needs.
func newOutside(cfg *config.Config) (outside, error) {
	w, err := realWays(cfg)
	var out outside
	if err == nil {
		out, err = reach(cfg, w)
	}
	if err == nil {
		out.perspectives, err = newPerspectives(cfg)
	}
	if err != nil {
		return outside{}, &exitError{code: exitUsage, name: "config_invalid", message: err.Error()}
	}
	return out, nil
}

func realWays(cfg *config.Config) (ways, error) {
	dialer := &probe.Dialer{
		Guard:   probe.NewGuard(probe.GuardConfig{Allow: cfg.EgressAllow, Deny: cfg.EgressDeny}),
		Timeout: 5 * time.Second,
	}
	w := ways{
		dialer: dialer,
		dns:    dns.Config{Dialer: dialer, Port: cfg.DNSPort, Forward: cfg.DNSForward, Recursive: cfg.DNSResolvers},
		web:    web.Config{Dialer: dialer, Ports: cfg.HTTPPorts},
	}
	if cfg.DNSRootHints != "" {
		f, err := os.Open(cfg.DNSRootHints)
		if err != nil {
			return ways{}, fmt.Errorf("opening the root hints: %w", err)
		}
		defer f.Close() //nolint:errcheck // only read
		if w.dns.Roots, err = dns.ParseRootHints(f); err != nil {
			return ways{}, fmt.Errorf("reading root hints in %s: %w", cfg.DNSRootHints, err)
		}
	}
	if cfg.DNSTrustAnchors != "" {
		f, err := os.Open(cfg.DNSTrustAnchors)
		if err != nil {
			return ways{}, fmt.Errorf("opening the trust anchors: %w", err)
		}
		defer f.Close() //nolint:errcheck // only read
		if w.dns.TrustAnchors, err = dns.ParseTrustAnchors(f); err != nil {
			return ways{}, fmt.Errorf("reading trust anchors in %s: %w", cfg.DNSTrustAnchors, err)
		}
	}
	return w, nil
}

func reach(cfg *config.Config, w ways) (outside, error) {
	resolver, err := dns.New(w.dns)
	if err != nil {
		return outside{}, err
	}
	w.web.Resolver = resolver
	// Each client reaches without the guard only what the operator wrote for it:
	// what a registry says must not lead to the provider's endpoint.
	apis := web.APIConfig{Dialer: w.dialer, Resolver: resolver, Roots: w.roots,
		Configured: endpoints(cfg.Route53Endpoint, cfg.CloudflareURL)}
	http := web.NewAPIClient(apis)
	apis.Configured = endpoints(cfg.RDAPBootstrap)
	apis.MaxRedirects = 3 // registries move
	registries, err := registry.New(registry.Config{
		Dialer: w.dialer, DNS: resolver, HTTP: web.NewAPIClient(apis), WHOISRoot: cfg.WHOISRoot, Bootstrap: cfg.RDAPBootstrap,
	})
	if err != nil {
		return outside{}, err
	}
	mail, err := mailer(cfg)
	if err != nil {
		return outside{}, err
	}
	r53 := route53.New(route53.Config{HTTP: http, Endpoint: cfg.Route53Endpoint})
	cf := cloudflare.New(cloudflare.Config{HTTP: http, Endpoint: cfg.CloudflareURL})
	return outside{
		kit: &verify.Kit{
			DNS: resolver, Web: web.New(w.web), Registry: registries,
			CNAMEZone: cfg.CNAMEZone, Nameservers: verify.NameserverPolicy(cfg.NameserversMust),
			ParentCoversAny: cfg.ParentCovers == "any", NoEmail: !cfg.EmailProves,
		},
		mail: mail, hooks: newHooks(cfg, w),
		providers: map[zonehold.Method]app.Provider{
			zonehold.MethodAWSRoute53: provider[*route53.Account]{r53.Open, r53.Test},
			zonehold.MethodCloudflare: provider[*cloudflare.Account]{cf.Open, cf.Test},
		},
	}, nil
}

// endpoints are the host:ports of base URLs; what is no URL has none.
func endpoints(urls ...string) []string {
	var out []string
	for _, s := range urls {
		u, err := url.Parse(s)
		if err != nil || u.Hostname() == "" {
			continue
		}
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		out = append(out, net.JoinHostPort(u.Hostname(), port))
	}
	return out
}

// mailer is nil when mail is off.
func mailer(cfg *config.Config) (app.Mailer, error) {
	if cfg.SMTPURL == "" {
		return nil, nil
	}
	relay, err := notify.ParseRelay(cfg.SMTPURL)
	if err != nil {
		return nil, fmt.Errorf("smtp_url: %w", err)
	}
	m, err := notify.NewMail(relay, cfg.MailFrom, probe.NewConfigured(relay.Endpoint()).DialContext)
	if err != nil {
		return nil, fmt.Errorf("mail_from: %w", err)
	}
	return sender{m}, nil
}
