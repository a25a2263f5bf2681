package main

import (
	"context"
	"net/netip"
	"slices"

	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/internal/notify"
	"github.com/zonehold/zonehold/internal/telemetry"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/web"
)

// hooks are how webhooks leave.
type hooks struct {
	http    notify.Doer
	targets notify.Targets
}

// newHooks reaches what the dialer may reach, and what webhook_allow opens. From
// a fake internet, programs on this very machine are reached as well.
func newHooks(cfg *config.Config, w ways) hooks {
	dialer, open := *w.dialer, cfg.WebhookAllow
	if route := dialer.Route; route != nil {
		open = append(slices.Clone(open), netip.MustParsePrefix("127.0.0.0/8"))
		dialer.Route = func(addr netip.AddrPort) (netip.AddrPort, bool) {
			if addr.Addr().IsLoopback() {
				return addr, true
			}
			return route(addr)
		}
	}
	dialer.Guard = probe.NewGuard(probe.GuardConfig{Allow: slices.Concat(cfg.EgressAllow, open), Deny: cfg.EgressDeny})
	return hooks{
		http:    web.NewAPIClient(web.APIConfig{Dialer: &dialer, Resolver: w.web.Resolver, Roots: w.roots, Open: open}),
		targets: notify.Targets{Check: dialer.Guard.Check, Open: open},
	}
}

// startDeliveries has events brought to webhooks and readers of mail, if this
// process has that role.
func (s *server) startDeliveries(ctx context.Context, out outside, metrics *telemetry.Metrics) error {
	if !s.cfg.Has(config.RoleWorker) {
		return nil
	}
	s.deliveries = notify.NewDispatcher(notify.Config{Store: s.store, Channels: s.channels(out), Log: s.log, Observer: metrics})
	return s.deliveries.Start(ctx)
}

// channels are the ways out for events.
func (s *server) channels(out outside) []notify.Channel {
	channels := []notify.Channel{&notify.Webhooks{Store: s.store, HTTP: out.hooks.http, Log: s.log}}
	if m, ok := out.mail.(sender); ok {
		channels = append(channels, notify.NewNotices(s.store, m.Mail, s.app, nil))
	}
	return channels
}

func (s *server) stopDeliveries(ctx context.Context) error {
	if s.deliveries == nil {
		return nil
	}
	return s.deliveries.Stop(ctx)
}
