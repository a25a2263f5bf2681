package httpapi

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// bucket is a kind of calls with an allowance of its own.
type bucket string

const (
	reads  bucket = "reads"
	writes bucket = "writes"
	checks bucket = "checks"
)

// Limits are calls per token and minute. 0: the default; below 0: no limit.
type Limits struct {
	Reads  int // default 6000
	Writes int // default 1200
	Checks int // default 120
}

const (
	window     = time.Minute
	maxWindows = 100_000 // (token, bucket) pairs kept; more are forgotten early
)

// limiter counts calls per token and bucket in windows of a minute that begin
// with the first call.
type limiter struct {
	allowances map[bucket]allowance

	mu      sync.Mutex
	windows map[windowKey]*count
	swept   time.Time
}

type allowance struct {
	quota  int
	policy []string // the RateLimit-Policy header
	prefix string   // of the RateLimit header
}

type windowKey struct {
	token  string
	bucket bucket
}

type count struct {
	start time.Time
	used  int
}

func newLimiter(l Limits) *limiter {
	lim := &limiter{allowances: map[bucket]allowance{}, windows: map[windowKey]*count{}}
	for _, a := range []struct {
		b          bucket
		given, def int
	}{{reads, l.Reads, 6000}, {writes, l.Writes, 1200}, {checks, l.Checks, 120}} {
		quota := a.given
		if quota == 0 {
			quota = a.def
		}
		if quota < 0 {
			continue
		}
		lim.allowances[a.b] = allowance{
			quota:  quota,
			policy: []string{`"` + string(a.b) + `";q=` + strconv.Itoa(quota) + ";w=60"},
			prefix: `"` + string(a.b) + `";r=`,
		}
	}
	return lim
}

// take counts a call and writes the headers of draft-ietf-httpapi-ratelimit-
// headers-10. When the allowance is used up it says how long to wait.
func (l *limiter) take(h http.Header, token string, b bucket) (wait time.Duration, ok bool) {
	a, limited := l.allowances[b]
	if !limited {
		return 0, true
	}
	now := time.Now()
	key := windowKey{token, b}
	l.mu.Lock()
	c := l.windows[key]
	if c == nil {
		l.sweep(now)
		c = &count{start: now}
		l.windows[key] = c
	} else if now.Sub(c.start) >= window {
		*c = count{start: now}
	}
	ok = c.used < a.quota
	if ok {
		c.used++
	}
	left, wait := a.quota-c.used, window-now.Sub(c.start)
	l.mu.Unlock()

	h["Ratelimit-Policy"] = a.policy
	buf := append(make([]byte, 0, 40), a.prefix...)
	buf = strconv.AppendInt(buf, int64(left), 10)
	buf = append(buf, ";t="...)
	buf = strconv.AppendInt(buf, int64((wait+time.Second-1)/time.Second), 10)
	h["Ratelimit"] = []string{string(buf)}
	return wait, ok
}

// sweep forgets old windows, at most once a minute unless there are too many.
func (l *limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < window && len(l.windows) < maxWindows {
		return
	}
	l.swept = now
	for k, c := range l.windows {
		if now.Sub(c.start) >= window {
			delete(l.windows, k)
		}
	}
	if len(l.windows) >= maxWindows {
		clear(l.windows)
	}
}

// streams counts open event streams per token.
type streams struct {
	mu   sync.Mutex
	open map[string]int
}

const maxStreams = 10 // per token

func (s *streams) enter(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[string]int{}
	}
	if s.open[token] >= maxStreams {
		return false
	}
	s.open[token]++
	return true
}

func (s *streams) leave(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[token]--; s.open[token] <= 0 {
		delete(s.open, token)
	}
}
