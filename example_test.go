package zonehold_test

import (
	"fmt"

	"github.com/zonehold/zonehold"
)

func ExampleParseHostname() {
	for _, s := range []string{"Пример.РФ.", "https://example.com/", "①②⑦.⓪.⓪.①"} {
		name, err := zonehold.ParseHostname(s)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(name, name.Unicode())
	}
	// Output:
	// xn--e1afmkfd.xn--p1ai пример.рф
	// "https://example.com/" is not accepted: Give example.com, not https://example.com/. Did you mean example.com?
	// "①②⑦.⓪.⓪.①" is not accepted: Written plainly this is "127.0.0.1". This is an IP address. Control of an address cannot be proved here; give a domain name.
}

func ExampleProfile() {
	profile, _ := zonehold.ProfileByName(zonehold.ProfileZonehold)
	token := "mfrggzdfmztwq2lknnwg23tpobyxe43u"
	fmt.Println(profile.TXTName("example.com"), "TXT", profile.TXTValue(token))
	fmt.Println(profile.FilePath(token))
	// Output:
	// _zonehold-challenge.example.com TXT token=mfrggzdfmztwq2lknnwg23tpobyxe43u
	// /.well-known/zonehold-challenge/ftspiadbvo3dfujumb7pz3jj5u.txt
}

func ExampleDomainState_After() {
	state, changed := zonehold.StateVerified.After(zonehold.OutcomeAbsent)
	fmt.Println(state, changed, state.Verified())
	state, changed = zonehold.StateVerified.After(zonehold.OutcomeInconclusive)
	fmt.Println(state, changed)
	// Output:
	// at_risk true true
	// verified false
}
