package probe

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
)

func TestTrace(t *testing.T) {
	TraceFrom(context.Background()).Start("ask", "x").End(true, "fine") // nil trace: nothing happens
	tr := &Trace{}
	ctx := WithTrace(context.Background(), tr)
	TraceFrom(ctx).Start("ask", "ns1").End(false, "rcode %d", 5)
	steps := tr.Steps()
	if len(steps) != 1 || steps[0].Name != "ask" || steps[0].Target != "ns1" || steps[0].Result != "rcode 5" || steps[0].OK {
		t.Fatalf("steps = %+v", steps)
	}
	if steps[0].StartedAt.IsZero() || steps[0].Duration < 0 {
		t.Errorf("step has no time: %+v", steps[0])
	}
	steps[0].Name = "changed"
	if tr.Steps()[0].Name != "ask" {
		t.Error("Steps does not return a copy")
	}
}

func TestTraceIsBounded(t *testing.T) {
	tr := &Trace{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range MaxSteps {
				tr.Add(zonehold.Step{Name: "x"})
			}
		})
	}
	wg.Wait()
	if got := len(tr.Steps()); got != MaxSteps {
		t.Errorf("kept %d steps, want %d", got, MaxSteps)
	}
	if got := tr.Dropped(); got != 3*MaxSteps {
		t.Errorf("dropped %d, want %d", got, 3*MaxSteps)
	}
}

func TestRecord(t *testing.T) {
	(*Trace)(nil).Record("ask", "x", time.Now(), true, "fine")
	tr := &Trace{}
	began := time.Now().Add(-time.Minute)
	tr.Add(zonehold.Step{Name: "later", StartedAt: time.Now()})
	tr.Record("ask", "ns1", began, true, "%d", 1)
	steps := tr.Steps()
	if len(steps) != 2 || steps[0].Name != "ask" || !steps[0].StartedAt.Equal(began) || steps[0].Duration < time.Minute {
		t.Errorf("steps are not in the order they began: %+v", steps)
	}
}
