package app

import "syscall"

// clockState is what the kernel knows of its clock: whether something keeps it
// right, and by how many microseconds it may be wrong. Nil: it does not say.
func clockState() (synchronised *bool, maxErrorUS int64) {
	const timeError, maxSaid = 5, 16_000_000 // TIME_ERROR; what it says when it does not know
	var t syscall.Timex
	state, err := syscall.Adjtimex(&t)
	if err != nil {
		return nil, 0
	}
	right := state != timeError
	if right && int64(t.Maxerror) < maxSaid {
		maxErrorUS = int64(t.Maxerror)
	}
	return &right, maxErrorUS
}
