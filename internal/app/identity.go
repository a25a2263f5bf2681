package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"github.com/zonehold/zonehold"
)

// nodeID is the id of this process. It changes when another process turns out
// to have the same one.
func (a *App) nodeID() string { return *a.nodeName.Load() }

// newNode takes a new id. What was counted under the old one is the other's.
func (a *App) newNode() {
	id := zonehold.NewID("node")
	a.nodeName.Store(&id)
	a.marks = nil
	a.tally.forget()
}

// maxMarks bounds the beats in a row whose fate is not known.
const maxMarks = 16

// beatOnce beats, and looks at the clock. Where a copy of this process, such
// as that of a machine cloned with its memory, beats under the same id, the one
// that comes second takes a new id and leaves the running checks to the other.
func (a *App) beatOnce(ctx context.Context) error {
	for {
		// A copy may draw the same random bytes, but hardly at the same time.
		var b [12]byte
		rand.Read(b[:])
		mark := hex.EncodeToString(b[:]) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
		now, ours, err := a.store.Beat(ctx, a.nodeID(), a.cfg.NodeName, mark, a.marks)
		if err != nil {
			// It may have been written all the same.
			a.marks = append(a.marks, mark)
			a.marks = slices.Delete(a.marks, 0, max(len(a.marks)-maxMarks, 0))
			return err
		}
		if ours {
			a.marks = []string{mark}
			a.watchClock(ctx, now)
			return nil
		}
		old := a.nodeID()
		a.newNode()
		n := a.runs.cancelAll(errSuspended)
		a.log.Error("another process beats under the id of this one, as after a machine was cloned while it ran: this one takes a new id and gives up its running checks, which the other has too",
			"id", old, "new_id", a.nodeID(), "checks", n)
	}
}

// checkOperator says at the start what will not reach anybody.
func (a *App) checkOperator(ctx context.Context) {
	name := a.cfg.OperatorAccount
	if name == "" {
		return // chosen so: they are in the log and the metrics
	}
	if id, err := a.operator(ctx); err == nil && id == "" {
		a.log.Warn("there is no account with the name that operator_account says: events of the service itself are in the log and the metrics only", "operator_account", name)
	}
}
