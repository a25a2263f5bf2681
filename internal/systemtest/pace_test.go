package systemtest

import (
	"testing"
	"time"
)

// promised is how soon every check ends after a crash, on a machine that keeps
// up (see pace).
const promised = 30 * time.Second

// pace measures, while something is timed, how fast this machine is for one
// who computes on it: it may be slower than others, or busy with other tests.
type pace struct {
	stop, ended chan struct{}
	took        time.Duration
	rounds      int
	sum         uint64
}

// usualRound is how long a round takes on a processor of 2 to 3 GHz that has
// nothing else to do.
const usualRound = 20 * time.Millisecond

func measurePace(t *testing.T) *pace {
	p := &pace{stop: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		for {
			from := time.Now()
			p.sum = compute(p.sum)
			p.took += time.Since(from)
			p.rounds++
			select {
			case <-p.stop:
				return
			case <-time.After(10 * usualRound):
			}
		}
	}()
	t.Cleanup(func() { p.slowness(t) })
	return p
}

// compute is a chain of multiplications, which no cache and no memory makes
// faster or slower.
func compute(x uint64) uint64 {
	for range 12_000_000 {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

// slowest is the slowest machine that a promise is stretched for.
const slowest = 3

// slowness ends the measure: how many times longer than usual work took, at
// least 1 and at most slowest.
func (p *pace) slowness(t *testing.T) float64 {
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	<-p.ended
	slow := min(slowest, max(1, float64(p.took)/float64(time.Duration(p.rounds)*usualRound)))
	t.Logf("work took %.1f times as long as on a machine that has nothing else to do", slow)
	return slow
}

// soon holds what took so long to a bound, which is that of a machine that
// keeps up.
func (p *pace) soon(t *testing.T, what string, took, bound time.Duration) {
	t.Helper()
	if slow := p.slowness(t); took.Seconds() > bound.Seconds()*slow {
		t.Errorf("%s took %.1f s, more than %s on a machine that keeps up", what, took.Seconds(), bound)
	}
}
