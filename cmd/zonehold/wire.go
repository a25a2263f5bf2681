package main

import (
	"fmt"
	"os"
	"time"

	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/verify"
)

// newKit builds the probes as the configuration says. Its errors are wrong
// settings.
func newKit(cfg *config.Config) (*verify.Kit, error) {
	kit, err := buildKit(cfg)
	if err != nil {
		return nil, &exitError{code: exitUsage, name: "config_invalid", message: err.Error()}
	}
	return kit, nil
}

func buildKit(cfg *config.Config) (*verify.Kit, error) {
	dialer := &probe.Dialer{
		Guard:   probe.NewGuard(probe.GuardConfig{Allow: cfg.EgressAllow, Deny: cfg.EgressDeny}),
		Timeout: 5 * time.Second,
	}
	dnsConfig := dns.Config{
		Dialer: dialer, Port: cfg.DNSPort, Forward: cfg.DNSForward, Recursive: cfg.DNSResolvers,
	}
	if cfg.DNSRootHints != "" {
		f, err := os.Open(cfg.DNSRootHints)
		if err != nil {
			return nil, fmt.Errorf("opening the root hints: %w", err)
		}
		defer f.Close() //nolint:errcheck // only read
		if dnsConfig.Roots, err = dns.ParseRootHints(f); err != nil {
			return nil, fmt.Errorf("reading root hints in %s: %w", cfg.DNSRootHints, err)
		}
	}
	return kitOn(cfg, dnsConfig, web.Config{Dialer: dialer, Ports: cfg.HTTPPorts})
}

func kitOn(cfg *config.Config, dnsConfig dns.Config, webConfig web.Config) (*verify.Kit, error) {
	resolver, err := dns.New(dnsConfig)
	if err != nil {
		return nil, err
	}
	webConfig.Resolver = resolver
	return &verify.Kit{
		DNS: resolver, Web: web.New(webConfig),
		CNAMEZone: cfg.CNAMEZone, Nameservers: verify.NameserverPolicy(cfg.NameserversMust),
		ParentCoversAny: cfg.ParentCovers == "any",
	}, nil
}
