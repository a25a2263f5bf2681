package dns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// stragglers ends the wait for silent addresses of servers that have spoken on
// another: on a machine whose IPv6 leads nowhere, every question would take
// the longest time-out. Such an address is dead either way.
type stragglers struct {
	ctx    context.Context
	cancel context.CancelFunc
	outer  context.Context
	began  time.Time
	grace  time.Duration

	mu     sync.Mutex
	silent map[string]bool // servers that have not spoken yet
	timer  *time.Timer
}

func (r *Resolver) newStragglers(ctx context.Context, out []asked, ask []int) *stragglers {
	l := &stragglers{outer: ctx, began: time.Now(), grace: r.cfg.QueryTimeout / 3, silent: make(map[string]bool)}
	inner, stop := context.WithCancel(ctx)
	l.ctx = inner
	l.cancel = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.timer != nil {
			l.timer.Stop()
		}
		stop()
	}
	for _, at := range ask {
		l.silent[out[at].Server] = true
	}
	return l
}

// done notes one answer. After the last server's first word the others have as
// long again as that took, twice, and at least the grace.
func (l *stragglers) done(a *ServerAnswer) {
	if errors.Is(a.Err, context.Canceled) && ended(l.outer) == nil {
		a.Err = errSilent
	}
	if a.dead() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.silent, a.Server)
	if len(l.silent) == 0 && l.timer == nil {
		l.timer = time.AfterFunc(max(l.grace, 2*time.Since(l.began)), l.cancel)
	}
}

var errSilent = fmt.Errorf("no answer while the server answers elsewhere: %w", os.ErrDeadlineExceeded)
