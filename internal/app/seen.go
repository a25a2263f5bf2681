package app

import (
	"slices"
	"sync"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/store"
)

// seen keeps views of domains by id. Clients poll; asking for the version of
// a row alone is several times faster than putting a view together again.
type seen struct {
	mu sync.Mutex
	by map[string]aged

	// Where no other process writes, a view also holds while nothing at all
	// was written, and needs no question to the database.
	still map[seenKey]stamped
}

// seenKey is what a domain was asked for by.
type seenKey struct {
	account, scheme, name string // name: a hostname as typed, or an id
	port                  uint16
	host                  bool // asked for with scheme and port
}

type stamped struct {
	stamp uint64
	view  *Domain
}

// aged is a view, and when it was put together.
type aged struct {
	view *Domain
	at   time.Time
	// owes: what is known of the account, or another domain, shows in it. That it grows, versions
	// tell; that something ends does not change the claims it was not used for.
	owes bool
}

const (
	maxSeen = 1024 // of some KiB each
	maxOwed = time.Second
)

func owes(v *Domain) bool {
	return len(v.RestsOn) > 0 || slices.ContainsFunc(v.Challenges, func(ch zonehold.Challenge) bool { return ch.Automatic && ch.Applicable })
}

// get returns a copy of the view that the mark says still holds, or nil. What
// its pointers and slices lead to is shared and must not be changed.
func (s *seen) get(m store.Mark) *Domain {
	if m.Busy {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.by[m.ID]
	if kept.view == nil || kept.view.Version != m.Version || kept.owes && time.Since(kept.at) > maxOwed {
		return nil
	}
	shown := *kept.view
	return &shown
}

// put keeps a view, unless a check is under way: its progress has no version.
func (s *seen) put(v *Domain) {
	if v.Running != nil {
		return
	}
	kept := *v
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil || len(s.by) >= maxSeen {
		s.by = map[string]aged{}
	}
	s.by[v.ID] = aged{view: &kept, at: time.Now(), owes: owes(v)}
}

// getStill returns a copy of the view kept for the key under that very stamp,
// or nil.
func (s *seen) getStill(key seenKey, stamp uint64) *Domain {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, ok := s.still[key]
	if !ok || kept.stamp != stamp {
		return nil
	}
	shown := *kept.view
	return &shown
}

// putStill keeps a view that was read after the stamp was taken.
func (s *seen) putStill(key seenKey, stamp uint64, v *Domain) {
	kept := *v
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.still == nil || len(s.still) >= maxSeen {
		s.still = map[seenKey]stamped{}
	}
	s.still[key] = stamped{stamp, &kept}
}

// still asks for a view by way of the stamp, and by read where that does not
// hold.
func (a *App) still(key seenKey, read func() (*Domain, error)) (*Domain, error) {
	stamp, ok := a.store.Stamp()
	if !ok {
		return read()
	}
	if v := a.seen.getStill(key, stamp); v != nil {
		return v, nil
	}
	v, err := read()
	if err == nil {
		a.seen.putStill(key, stamp, v)
	}
	return v, err
}
