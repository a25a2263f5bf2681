package main

import (
	"fmt"
	"time"

	"github.com/zonehold/zonehold/problem"
)

const expiresHelp = "when it ends: a span such as 720h, a date (its first moment in UTC) or an RFC 3339 time; default: never"

// expiry reads --expires; nil when it is not given.
func expiry(s string, now time.Time) (*time.Time, error) {
	if s == "" {
		return nil, nil
	}
	t := now
	if d, err := time.ParseDuration(s); err == nil {
		t = now.Add(d)
	} else if t, err = time.Parse(time.DateOnly, s); err != nil {
		if t, err = time.Parse(time.RFC3339, s); err != nil {
			return nil, usageError(fmt.Sprintf("%q is no end for --expires", problem.Clean(s, 40)), "write a span such as 720h, or a date such as 2027-01-31")
		}
	}
	t = t.UTC().Truncate(time.Second)
	if !t.After(now) {
		return nil, usageError("--expires lies in the past")
	}
	return &t, nil
}

// ends words an end for people.
func ends(t *time.Time) string {
	if t == nil {
		return "does not expire"
	}
	return "expires " + t.UTC().Format("2006-01-02 15:04") + " UTC"
}
