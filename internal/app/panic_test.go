package app

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/internal/store"
	"github.com/zonehold/zonehold/internal/store/storetest"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/verify"
)

// A certificate may name a time that is the year 10000 in UTC, for which JSON
// has no form. Its site must not end the process, nor even the check.
func TestCertificateBeyondTheYears(t *testing.T) {
	last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -3600))
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		check := func(context.Context, *verify.Kit, zonehold.Method, verify.Claim) diagnose.Report {
			r := report(zonehold.MethodFile, zonehold.OutcomeAbsent)
			r.Evidence.Fetches = []*web.Fetch{{Hops: []web.Hop{{URL: "https://example.com/", TLS: &web.TLSInfo{Version: "TLS 1.3", NotAfter: last}}}}}
			return r
		}
		a := start1(t, s, Config{Check: check}, quick)
		who := actor(t, s, "alpha")
		d := create(t, a, who, "example.com")
		at := wait(t, a, who, begin(t, a, who, d.ID, zonehold.MethodFile).ID)
		if at.State != zonehold.AttemptDone || at.Outcome != zonehold.OutcomeAbsent {
			t.Fatalf("the check ended %s, %s", at.State, at.Outcome)
		}
		doc, err := a.Evidence(t.Context(), who, at.ID)
		if err != nil || !json.Valid(doc) || !strings.Contains(string(doc), "TLS 1.3") {
			t.Errorf("the evidence is %s, %v", doc, err)
		}
	})
}

// A panic in a shared transaction fails its callers and leaves the next ones
// alone.
func TestCombinerSurvivesAPanic(t *testing.T) {
	broken := true
	c := combiner[int]{commit: func(context.Context, []int) error {
		if broken {
			panic("broken")
		}
		return nil
	}}
	if err := c.do(1); err == nil {
		t.Error("a panic was no error")
	}
	broken = false
	done := make(chan error, 1)
	go func() { done <- c.do(2) }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(60 * time.Second):
		t.Error(errors.New("the next call waits for ever"))
	}
}
