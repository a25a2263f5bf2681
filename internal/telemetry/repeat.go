package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// A fault of the database or of the network makes the same line many times in
// a second. After the first few only one a minute is written, with the number
// of those left out.
const (
	repeatsShown = 5
	repeatWindow = time.Minute
	maxRepeats   = 500 // different lines remembered
)

// repeats leaves out warnings and errors that say the same: the message and
// the error are alike. Lines without an error are all written.
type repeats struct {
	slog.Handler
	seen *seenLines
}

type seenLines struct {
	mu    sync.Mutex
	lines map[[2]string]*seenLine
}

type seenLine struct {
	since   time.Time
	n, left int // written or left out since; left out since the last one written
}

func (h repeats) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		write, left := h.seen.write(r)
		if !write {
			return nil
		}
		if left > 0 {
			r = r.Clone()
			r.AddAttrs(slog.Int("repeated", left))
		}
	}
	return h.Handler.Handle(ctx, r)
}

func (h repeats) WithAttrs(attrs []slog.Attr) slog.Handler {
	return repeats{h.Handler.WithAttrs(attrs), h.seen}
}

func (h repeats) WithGroup(name string) slog.Handler {
	return repeats{h.Handler.WithGroup(name), h.seen}
}

// write reports whether a line is to be written, and how many like it were
// left out before.
func (s *seenLines) write(r slog.Record) (bool, int) {
	failure := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "err" || a.Key == "error" {
			failure = a.Value.String()
		}
		return failure == ""
	})
	if failure == "" {
		return true, 0
	}
	if len(failure) > 300 {
		failure = failure[:300]
	}
	key := [2]string{r.Message, failure}
	now := r.Time
	s.mu.Lock()
	defer s.mu.Unlock()
	line := s.lines[key]
	if line == nil || now.Sub(line.since) >= repeatWindow || now.Before(line.since) {
		left := 0
		if line != nil {
			left = line.left
		}
		if len(s.lines) >= maxRepeats {
			clear(s.lines)
		}
		s.lines[key] = &seenLine{since: now, n: 1}
		return true, left
	}
	line.n++
	if line.n > repeatsShown {
		line.left++
		return false, 0
	}
	return true, 0
}
