package store

import (
	"strings"
	"testing"
)

// What every view and every batch asks is found by an index, in an account of
// any size. (PostgreSQL plans by what is in the tables, SQLite by the text.)
func TestQueriesFindTheirIndex(t *testing.T) {
	s, err := Open(t.Context(), Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	look := func(l Look) string { q, _ := l.query(); return q }
	for _, tc := range []struct {
		what, query string
		want        []string
	}{
		{"grounds", selectGrounds, []string{"INDEX domains_proved (account_id=?", "INDEX policies_account (account_id=?)"}},
		{"all", look(Look{AccountID: "a", Reach: ReachAll}), []string{"INDEX domains_created (account_id=? AND (created_at,id)>(?,?))"}},
		{"name", look(Look{Name: "n", Reach: ReachName}), []string{"INDEX domains_hostname (hostname=?)"}},
		{"below", look(Look{Name: "n", Reach: ReachBelow}), []string{"INDEX domains_below (hostname_reversed>? AND hostname_reversed<?)"}},
		{"below, of one", look(Look{AccountID: "a", Name: "n", Reach: ReachBelow}), []string{"INDEX domains_account_below (account_id=? AND hostname_reversed>? AND hostname_reversed<?)"}},
		{"waiting", withWaiting, []string{"INDEX deliveries_waiting (outlet_id>?)", "INDEX deliveries_waiting (outlet_id=? AND due_at"}},
		{"sending", countSending, []string{"INDEX deliveries_sending (outlet_id=?)"}},
		{"proofs to settle", settleFlips, []string{"INDEX flips_breaker (", "domains USING INDEX sqlite_autoindex_domains_1 (id=?)"}},
		{"where to pause", settleEnd, []string{"COVERING INDEX flips_breaker ("}},
		{"below, of all accounts", selectUnder, []string{"INDEX domains_below (hostname_reversed>? AND hostname_reversed<?)"}},
		{"stale offers", staleTransfers, []string{"INDEX transfers_standing"}},
		{"proof", look(Look{Name: "dom_1", Reach: ReachProof}), []string{"INDEX domains_source (proof_source=?)"}},
	} {
		args := make([]any, strings.Count(tc.query, "$"))
		rows, err := s.writer.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+tc.query, args...)
		plan, err := collect(rows, err, func(row scanner) (line string, err error) {
			var id, parent, unused int
			err = row.Scan(&id, &parent, &unused, &line)
			return line, err
		})
		if err != nil {
			t.Fatal(tc.what, err)
		}
		text := strings.Join(plan, "\n")
		for _, want := range tc.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", tc.what, want, text)
			}
		}
		if strings.Contains(text, "SCAN domains") || strings.Contains(text, "SCAN policies") || strings.Contains(text, "SCAN deliveries") || strings.Contains(text, "SCAN flips") {
			t.Errorf("%s reads everything:\n%s", tc.what, text)
		}
	}
}
