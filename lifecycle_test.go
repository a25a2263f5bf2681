package zonehold

import (
	"testing"
	"time"
)

func TestScannable(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	good := Domain{State: StateVerified, Assurance: AssuranceDNS, SeenAt: now.Add(-time.Hour)}
	for name, tc := range map[string]struct {
		change func(*Domain)
		want   bool
	}{
		"good":            {func(*Domain) {}, true},
		"host":            {func(d *Domain) { d.Assurance = AssuranceHost }, true},
		"just in time":    {func(d *Domain) { d.SeenAt = now.Add(-24 * time.Hour) }, true},
		"pending":         {func(d *Domain) { d.State = StatePending }, false},
		"at risk":         {func(d *Domain) { d.State = StateAtRisk }, false},
		"lapsed":          {func(d *Domain) { d.State = StateLapsed }, false},
		"missing":         {func(d *Domain) { d.MissingSince = now }, false},
		"frozen":          {func(d *Domain) { d.FrozenAt = now }, false},
		"too long ago":    {func(d *Domain) { d.SeenAt = now.Add(-24*time.Hour - 1) }, false},
		"never seen":      {func(d *Domain) { d.SeenAt = time.Time{} }, false},
		"seen in a year":  {func(d *Domain) { d.SeenAt = now.Add(365 * 24 * time.Hour) }, false},
		"mailbox":         {func(d *Domain) { d.Assurance = AssuranceMailbox }, false},
		"worth not known": {func(d *Domain) { d.Assurance = "" }, false},
	} {
		d := good
		tc.change(&d)
		if ok, why := d.Scannable(now); ok != tc.want || ok != (why == "") {
			t.Errorf("%s: %v, %q", name, ok, why)
		}
	}
}
