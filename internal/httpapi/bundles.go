package httpapi

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// A bundle of evidence has up to some tens of megabytes, several times while
// it is made and once until its reader has taken it. So there are few at a
// time, and a reader has to hurry.
const (
	bundlesAtOnce    = 8
	bundlesOfAccount = 2
	bundleSmall      = 64 << 10        // bytes; what is not longer counts no more once it is made
	bundleLimit      = 2 * time.Minute // for the reader to take it
)

type bundleSlots struct {
	mu  sync.Mutex
	all int
	by  map[string]int // by account
}

func (b *bundleSlots) enter(account string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all >= bundlesAtOnce || b.by[account] >= bundlesOfAccount {
		return false
	}
	if b.by == nil {
		b.by = map[string]int{}
	}
	b.all++
	b.by[account]++
	return true
}

func (b *bundleSlots) leave(account string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all--
	if b.by[account]--; b.by[account] == 0 {
		delete(b.by, account)
	}
}

// bundle makes one and sends it.
func (s *server) bundle(ctx context.Context, tagged bool, build func() ([]byte, error)) (reply, error) {
	account := actorOf(ctx).Account.ID
	if !s.bundles.enter(account) {
		return reply{}, tooMany(time.Second, "As many bundles of evidence as may be are being made or sent. Take one after the other.")
	}
	held := true
	defer func() {
		if held {
			s.bundles.leave(account)
		}
	}()
	file, err := build()
	if err != nil || len(file) <= bundleSmall {
		return reply{raw: file, tagged: tagged}, err
	}
	held = false
	return reply{stream: func(w http.ResponseWriter, r *http.Request) {
		defer s.bundles.leave(account)
		rc := http.NewResponseController(w)
		_ = rc.SetWriteDeadline(time.Now().Add(bundleLimit)) // not every server can
		s.write(w, r, reply{raw: file, tagged: tagged})
		_ = rc.SetWriteDeadline(time.Time{})
	}}, nil
}
