package auth

import (
	"strings"
	"testing"
	"time"
)

func TestLimiterIsBounded(t *testing.T) {
	l := NewLimiter(60)
	now := time.Now()
	for i := range 3 * maxBuckets {
		l.Wait(strings.Repeat("t", i%7)+string(rune(i)), now)
	}
	if len(l.buckets) > maxBuckets {
		t.Errorf("%d buckets, want at most %d", len(l.buckets), maxBuckets)
	}
	// Buckets that have filled up again make room alone.
	l = NewLimiter(60)
	l.Wait("idle", now)
	later := now.Add(time.Hour)
	for range l.burst {
		l.Wait("busy", later)
	}
	for i := len(l.buckets); i < maxBuckets; i++ {
		l.Wait(string(rune(i)), now)
	}
	l.Wait("new", later)
	if l.Wait("busy", later) == 0 {
		t.Error("making room forgot a token that was at its limit")
	}
}
