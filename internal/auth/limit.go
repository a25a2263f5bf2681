package auth

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBuckets bounds the tokens remembered; above it, idle ones are dropped.
const maxBuckets = 4096

// Limiter holds requests per token to a rate. A nil one allows everything.
type Limiter struct {
	rate  rate.Limit
	burst int

	mu      sync.Mutex
	buckets map[string]*rate.Limiter
}

// NewLimiter allows perMinute requests a minute to each token, a tenth of
// them at once. It returns nil, which allows everything, for 0 and less.
func NewLimiter(perMinute int) *Limiter {
	if perMinute <= 0 {
		return nil
	}
	return &Limiter{
		rate:    rate.Limit(float64(perMinute) / 60),
		burst:   max(1, perMinute/10),
		buckets: make(map[string]*rate.Limiter),
	}
}

// Wait returns 0 when a request of the token may go on, else how long the
// client should wait.
func (l *Limiter) Wait(token string, now time.Time) time.Duration {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[token]
	if !ok {
		if len(l.buckets) >= maxBuckets {
			l.dropIdle(now)
		}
		b = rate.NewLimiter(l.rate, l.burst)
		l.buckets[token] = b
	}
	r := b.ReserveN(now, 1)
	d := r.DelayFrom(now)
	if d > 0 {
		r.CancelAt(now)
	}
	return d
}

// dropIdle forgets full buckets, which a new one replaces without loss. When
// there are none, all are forgotten: memory before fairness.
func (l *Limiter) dropIdle(now time.Time) {
	for token, b := range l.buckets {
		if b.TokensAt(now) >= float64(l.burst) {
			delete(l.buckets, token)
		}
	}
	if len(l.buckets) >= maxBuckets {
		clear(l.buckets)
	}
}
