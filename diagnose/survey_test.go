package diagnose_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify/verifytest"
)

func TestExplorePrint(t *testing.T) {
	for _, c := range []struct {
		host string
		set  func(l *verifytest.Lab)
	}{
		{"example.com", func(l *verifytest.Lab) { l.Net.Host("example.com").Page("/", 200, "text/html", "x") }},
		{"gone.example.com", func(l *verifytest.Lab) { l.Net.Zone("example.com") }},
		{"nothere.com", func(l *verifytest.Lab) { l.Net.Zone("example.com") }},
		{"lame.com", func(l *verifytest.Lab) { l.Net.Zone("lame.com").Servers()[1].Fault(testnet.FaultLame) }},
		{"v6.com", func(l *verifytest.Lab) { l.Net.Host("v6.com").V6().Fault(testnet.HostFaultRefused) }},
		{"www.alias.com", func(l *verifytest.Lab) {
			l.Net.Zone("alias.com").Add("www", "CNAME", "shops.hoster.net.")
			l.Net.Host("shops.hoster.net").Page("/", 200, "text/html", "x")
		}},
		{"com", func(l *verifytest.Lab) { l.Net.Zone("example.com") }},
		{"co.uk", func(l *verifytest.Lab) { l.Net.Zone("example.co.uk") }},
	} {
		l := verifytest.NewLab(t)
		c.set(l)
		h, err := zonehold.ParseHostname(c.host)
		if err != nil {
			t.Log(err)
			continue
		}
		start := time.Now()
		s := diagnose.Explore(context.Background(), l.Kit, h)
		b, _ := json.MarshalIndent(s, "", " ")
		t.Logf("%s %v\n%s", c.host, time.Since(start), b)
	}
}
