package notify

import (
	"hash/fnv"
	"strconv"
	"time"
)

// ladder is how long after a try that failed the next one comes (Standard
// Webhooks 1.0.0, "Deliverability and reliability"): 75.6 hours in all.
var ladder = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// Limits of what an outlet may ask for or be guilty of.
const (
	disableAfter = 5 * 24 * time.Hour // of nothing but failures
	disableTries = 5                  // of the delivery at hand
	pauseUsual   = time.Minute        // where it asks for fewer and does not say how long
	pauseLongest = time.Hour
	pauseLeast   = 5 * time.Second
)

// nextTry is when a delivery is tried again after the try number rung, from 0;
// false after the last one. A tenth to both sides spreads what failed
// together; it depends on the delivery alone, so all processes say the same.
func nextTry(id string, rung int) (time.Duration, bool) {
	if rung < 0 || rung >= len(ladder) {
		return 0, false
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(id + "/" + strconv.Itoa(rung)))
	d := ladder[rung]
	share := float64(h.Sum32()) / (1 << 32) // 0 ≤ share < 1
	return d + time.Duration((share-0.5)*0.2*float64(d)), true
}

// pause is how long an outlet that asks for fewer gets nothing.
func pause(wanted time.Duration) time.Duration {
	if wanted <= 0 {
		return pauseUsual
	}
	return min(max(wanted, pauseLeast), pauseLongest)
}
