package store

import "time"

// PassFaultTime makes the last fault old.
func PassFaultTime(s *Store) {
	if seen := s.faults.last.Load(); seen != nil {
		s.faults.last.Store(&seenFault{seen.err, time.Now().Add(-time.Hour)})
	}
}
