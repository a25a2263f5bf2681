package app

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/verify"
)

// A check is told of the name servers that earlier checks saw in charge, and
// the provider that is shown is the one of the last check that knew it.
func TestFormerServers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		var (
			zone []string
			host *diagnose.DNSHost
			told []string
		)
		check := func(_ context.Context, _ *verify.Kit, m zonehold.Method, c verify.Claim) diagnose.Report {
			told = c.FormerServers
			r := report(m, zonehold.OutcomeAbsent)
			r.DNSHost = host
			if zone != nil {
				z := &dns.Zone{Name: "example.com"}
				for _, name := range zone {
					z.Servers = append(z.Servers, dns.NameServer{Name: name})
				}
				r.Evidence.Lookups = []*dns.Lookup{{Hops: []*dns.Answer{{Zone: z}}}}
			}
			return r
		}
		a := start1(t, s, Config{Check: check}, quick)
		who := actor(t, s, "alpha")
		d := create(t, a, who, "example.com")
		old := &diagnose.DNSHost{Name: "Old Host", ControlPanelURL: "https://old.example"}
		for i, tt := range []struct {
			zone []string
			host *diagnose.DNSHost
			told []string
			show *diagnose.DNSHost
		}{
			{[]string{"ns1.old", "ns2.old"}, old, nil, old},
			{[]string{"ns1.old", "ns2.old"}, old, nil, old},
			{[]string{"ns1.new", "ns2.old"}, nil, nil, nil},      // moving; seen by the next check
			{nil, nil, []string{"ns1.old"}, nil},                 // a web check
			{[]string{"ns1.new"}, nil, []string{"ns1.old"}, nil}, // moved
			{[]string{"ns1.new"}, nil, []string{"ns2.old", "ns1.old"}, nil},
			{[]string{"ns1.old"}, old, []string{"ns2.old", "ns1.old"}, old}, // and back
			{[]string{"ns1.old"}, old, []string{"ns1.new", "ns2.old"}, old},
		} {
			zone, host = tt.zone, tt.host
			wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodDNSTXT).ID)
			if diff := cmp.Diff(tt.told, told); diff != "" {
				t.Errorf("check %d was told (-want +got):\n%s", i+1, diff)
			}
			now, err := a.Domain(t.Context(), who, d.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.show, now.DNSHost); diff != "" {
				t.Errorf("after check %d the provider is (-want +got):\n%s", i+1, diff)
			}
		}
	})
}
