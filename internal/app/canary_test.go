package app

import (
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify/verifytest"
)

// Canaries are asked as checks ask.
func TestCanaryIsAskedOfItsServers(t *testing.T) {
	l := verifytest.NewLab(t)
	zone := l.Net.Zone("canary.example")
	zone.Add("@", "TXT", "all is well")
	zone.Add("deep.sub", "A", "45.1.2.3")
	for _, s := range l.Net.Zone("mute.example").Servers() {
		s.Fault(testnet.FaultTimeout)
	}
	kit := l.Hasty()
	for _, tc := range []struct {
		name, text string
		hasText    bool
		want       string // in the detail; "": well
	}{
		{"canary.example", "all is well", true, ""},
		{"canary.example", "", false, ""},
		{"sub.canary.example", "", false, ""}, // has something below it
		{"canary.example", "all is wel", true, "no TXT record with the text expected (1 others)"},
		{"canary.example", "", true, "no TXT record"},
		{"deep.sub.canary.example", "x", true, "no TXT record"},
		{"gone.canary.example", "", false, "does not exist"},
		{"nobody.nothing.example", "", false, "does not exist"},
		{"mute.example", "", false, "do not answer"},
	} {
		well, detail := askName(kit.DNS)(t.Context(), tc.name, tc.text, tc.hasText)
		if well != (tc.want == "") || !strings.Contains(detail, tc.want) {
			t.Errorf("%s=%s: %v, %s", tc.name, tc.text, well, detail)
		}
	}
}

// Two processes sweep one database; most of what is missing at a host is seen
// by neither alone.
func TestTwoProcessesTripOneBreaker(t *testing.T) {
	s := storetest.Open(t, storetest.PostgreSQL(t, false))
	c, l := newDriven(), &land{}
	ops, who := actor(t, s, "operator"), actor(t, s, "alpha")
	here, there := names("here", 200), names("there", 100)
	settle(t, s, who, c.now(), here...)
	settle(t, s, who, c.now(), there...)
	for i, n := range here {
		if i%5 < 2 {
			l.set(zonehold.OutcomeAbsent, n)
		}
	}
	apps := []*App{stillApp(t, s, c, l.check, Config{Slots: 4}), stillApp(t, s, c, l.check, Config{Slots: 4})}
	sweepAll(t, apps[0])
	await(t, func() bool {
		tended(t, apps[1])
		return states(t, apps[0], who)[zonehold.StateVerified] == 300
	})
	open := breakersOf(t, apps[0], false)
	if len(open) != 1 || open[0].Held != 80 {
		t.Fatalf("%+v", open)
	}
	l.back()
	c.pass(61 * time.Minute)
	for range 3 {
		for _, a := range apps {
			tended(t, a)
			sweepAll(t, a)
		}
	}
	if len(breakersOf(t, apps[0], false)) != 0 || states(t, apps[0], who)[zonehold.StateVerified] != 300 {
		t.Errorf("in the end %v, %v", breakersOf(t, apps[0], false), states(t, apps[0], who))
	}
	if got := countEvents(t, apps[0], ops); got["breaker.tripped"] != 1 || got["breaker.resumed"] != 1 {
		t.Errorf("pages %v", got)
	}
	// Nine do not trip it, and neither process counts what the other one writes
	// at the same moment.
	if events := countEvents(t, apps[0], who); events["domain.at_risk"] != events["domain.recovered"] || events["domain.at_risk"] > 2*9 {
		t.Errorf("events %v", events)
	}
}
