package testnet_test

import (
	"fmt"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/testnet"
)

// A domain with a record that only one of its two name servers has got.
func Example() {
	n, err := testnet.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer n.Close()

	zone := n.Zone("example.com").Add("_zonehold-challenge", "TXT", "token=k7")
	zone.Servers()[1].Only("_zonehold-challenge", "TXT") // not yet there

	for _, server := range zone.Servers() {
		at, _ := n.Route(server.Addr()) // what a probe.Dialer does with n.Route
		query := new(dns.Msg).SetQuestion("_zonehold-challenge.example.com.", dns.TypeTXT)
		answer, err := dns.Exchange(query, at.String())
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(server.Name(), dns.RcodeToString[answer.Rcode], len(answer.Answer))
	}
	fmt.Println(len(n.QueriesFor("_zonehold-challenge.example.com", "TXT")), "queries")
	// Output:
	// ns1.example.com NOERROR 1
	// ns2.example.com NXDOMAIN 0
	// 2 queries
}
