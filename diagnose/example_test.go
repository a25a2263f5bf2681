package diagnose_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
)

// A person placed the right value, and the panel appended the domain to its
// name. On the real Internet leave out Roots and Route.
func Example() {
	net, err := testnet.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer net.Close()
	net.Zone("example.com").Add("_zonehold-challenge.example.com", "TXT", "token=mfrggzdfmztwq2lknnwg23tpobyxe43u")

	roots, _ := dns.ParseRootHints(strings.NewReader(net.RootHints()))
	resolver, err := dns.New(dns.Config{Dialer: &probe.Dialer{Route: net.Route}, Roots: roots})
	if err != nil {
		fmt.Println(err)
		return
	}
	claim := verify.Claim{
		Hostname: "example.com",
		Profile:  zonehold.ProfileZonehold,
		Tokens:   zonehold.Tokens{TXT: "mfrggzdfmztwq2lknnwg23tpobyxe43u"},
	}
	method, _ := verify.Lookup(zonehold.MethodDNSTXT)
	report := diagnose.Run(context.Background(), &verify.Kit{DNS: resolver}, method, claim)

	fmt.Println(report.Outcome)
	fmt.Println(report.Problem.Title)
	fmt.Println(report.Problem.Found)
	fmt.Println(report.Problem.Fixes[0])
	// Output:
	// absent
	// The record is one level too deep
	// Nothing is there. The right value is at _zonehold-challenge.example.com.example.com (the domain stands in it twice).
	// Edit the name of the record: enter only _zonehold-challenge in the name field.
}
