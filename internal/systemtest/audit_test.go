package systemtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold/api"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/evidence"
)

// audit reads everything through the native API when all checks have ended:
// one finished attempt for each request, events without gaps, and nothing that
// does not fit together.
func (n *internet) audit(t *testing.T, srv *server, w *webmaster) {
	t.Helper()
	c, err := client.New(srv.url(), w.token)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	domains := map[string]api.Domain{}
	for d, err := range c.AllDomains(ctx, client.DomainQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		domains[d.Hostname] = d
	}
	if len(domains) != len(n.sites) {
		t.Errorf("%d domains, want %d", len(domains), len(n.sites))
	}
	attempts := map[string]api.Attempt{}
	lists := make(chan []api.Attempt, len(n.sites))
	each(t, n.sites, func(s *site) error {
		list, err := n.attempts(ctx, c, s, domains[s.name])
		lists <- list
		return err
	})
	close(lists)
	for list := range lists {
		for _, a := range list {
			attempts[a.ID] = a
		}
	}
	if err := n.events(ctx, c, domains, attempts); err != nil {
		t.Error(err)
	}
	verified, err := w.verified()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range n.sites {
		if is, ok := verified[s.hostID]; !ok || is != (s.proof == right) {
			t.Errorf("%s in the list of sites: %v, %v", s.hostID, is, ok)
		}
	}
}

// attempts checks those of one site.
func (n *internet) attempts(ctx context.Context, c *client.Client, s *site, d api.Domain) ([]api.Attempt, error) {
	page, err := c.Attempts(ctx, d.ID, 100, "")
	if err != nil {
		return nil, err
	}
	want := 0
	for _, has := range []bool{s.early, s.asked} {
		if has {
			want++
		}
	}
	_, _, code := s.end()
	state := "pending"
	if s.proof == right {
		state = "verified"
	}
	got := page.Items
	switch {
	case len(got) != want || page.NextCursor != nil:
		return got, fmt.Errorf("%s has %d attempts, want %d", s.name, len(got), want)
	case d.State != state || d.Verified != (s.proof == right):
		return got, fmt.Errorf("%s is %s, want %s", s.name, d.State, state)
	case d.RunningAttemptID != nil || d.LastAttemptID == nil || *d.LastAttemptID != got[0].ID:
		return got, fmt.Errorf("%s: running %v, last %v, newest %s", s.name, d.RunningAttemptID, d.LastAttemptID, got[0].ID)
	}
	for _, a := range got {
		found := ""
		if a.Problem != nil {
			found = a.Problem.Code
		}
		if a.State != "done" || a.Outcome == nil || (*a.Outcome == "verified") != (s.proof == right) || found != code {
			return got, fmt.Errorf("%s with a %s %s: attempt %s is %s, problem %q, want %q", s.name, s.proof, s.kind, a.ID, a.State, found, code)
		}
		if a.StartedAt == nil || a.FinishedAt == nil || a.FinishedAt.Before(*a.StartedAt) || a.StartedAt.Before(a.CreatedAt) || len(a.Steps) == 0 {
			return got, fmt.Errorf("%s: attempt %s: created %s, started %v, finished %v, %d steps", s.name, a.ID, a.CreatedAt, a.StartedAt, a.FinishedAt, len(a.Steps))
		}
	}
	if s.early {
		return got, nil // their evidence is like that of the others
	}
	oneBundle.Lock()
	body, err := c.Evidence(ctx, got[0].ID)
	oneBundle.Unlock()
	if err == nil {
		if _, bad := evidence.Verify(bytes.NewReader(body), evidence.Options{}); bad != nil {
			err = fmt.Errorf("%s: the evidence of %s: %w", s.name, got[0].ID, bad)
		}
	}
	return got, err
}

// events checks that the account's events tell the same story.
func (n *internet) events(ctx context.Context, c *client.Client, domains map[string]api.Domain, attempts map[string]api.Attempt) error {
	type key struct{ domain, kind string }
	count := map[key]int{}
	completed := map[string]int{}
	var seq int64
	last, before := "", time.Time{}
	for {
		page, err := c.Events(ctx, last, 500)
		if err != nil {
			return err
		}
		for _, e := range page {
			seq++
			if e.Seq != seq || e.DomainID == nil || e.Timestamp.Before(before.Add(-time.Second)) {
				return fmt.Errorf("event %d of %v at %s, want %d", e.Seq, e.DomainID, e.Timestamp, seq)
			}
			last, before = e.ID, e.Timestamp
			count[key{*e.DomainID, e.Type}]++
			if e.Type == "attempt.completed" {
				var data struct {
					AttemptID string `json:"attempt_id"`
				}
				if err := json.Unmarshal(e.Data, &data); err != nil {
					return err
				}
				if a, ok := attempts[data.AttemptID]; !ok || a.DomainID != *e.DomainID {
					return fmt.Errorf("event %d of an unknown attempt %q", e.Seq, data.AttemptID)
				}
				completed[data.AttemptID]++
			}
		}
		if len(page) < 500 {
			break
		}
	}
	for id := range attempts {
		if completed[id] != 1 {
			return fmt.Errorf("attempt %s was reported %d times", id, completed[id])
		}
	}
	total := len(attempts)
	for _, s := range n.sites {
		id := domains[s.name].ID
		want := map[string]int{"domain.created": 1, "domain.verified": 1, "domain.verification_failed": 0}
		if s.proof != right {
			want["domain.verified"], want["domain.verification_failed"] = 0, 1
		}
		for kind, times := range want {
			if got := count[key{id, kind}]; got != times {
				return fmt.Errorf("%s with a %s %s: %d events %s, want %d", s.name, s.proof, s.kind, got, kind, times)
			}
			total += times
		}
	}
	if int(seq) != total {
		return fmt.Errorf("%d events, want %d", seq, total)
	}
	return nil
}

// oneBundle is held while a bundle of evidence is read: an account gets few at
// a time.
var oneBundle sync.Mutex
