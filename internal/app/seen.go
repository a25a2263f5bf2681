package app

import (
	"sync"

	"github.com/zonehold/zonehold/internal/store"
)

// seen keeps views of domains by id. Clients poll; asking for the version of
// a row alone is several times faster than putting a view together again.
type seen struct {
	mu sync.Mutex
	by map[string]*Domain
}

const maxSeen = 1024 // of some KiB each

// get returns a copy of the view that the mark says still holds, or nil. What
// its pointers and slices lead to is shared and must not be changed.
func (s *seen) get(m store.Mark) *Domain {
	if m.Busy {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.by[m.ID]
	if v == nil || v.Version != m.Version {
		return nil
	}
	shown := *v
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
		s.by = map[string]*Domain{}
	}
	s.by[v.ID] = &kept
}
