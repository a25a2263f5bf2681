package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/zonehold/zonehold/internal/store"
)

// Fill adds n copies of a stored domain, in its account, named d1.bench.example
// and so on, with the ids that FilledID gives. Their checks are due one
// microsecond after the other from the given time on, in microseconds.
func Fill(t testing.TB, s *store.Store, like string, n int, due int64) {
	t.Helper()
	ctx := context.Background()
	db := s.Writer()
	columns := columnsOf(t, db, s.Engine(), "domains")
	own := map[string]string{
		"id":                "'dom_' || " + filledNumber(s.Engine()) + " || '0'",
		"hostname":          "'d' || n || '.bench.example'",
		"hostname_reversed": "'elpmaxe.hcneb.' || " + reversedNumber(s.Engine()) + " || 'd'",
		"next_check_at":     fmt.Sprintf("%d + n", due),
		"short_id":          "NULL",
	}
	values := make([]string, len(columns))
	for i, c := range columns {
		values[i] = "t." + c
		if v, ok := own[c]; ok {
			values[i] = v
		}
	}
	const step = 50_000
	for from := 1; from <= n; from += step {
		series := fmt.Sprintf("generate_series(%d, %d) AS g(n)", from, min(from+step-1, n))
		with := ""
		if s.Engine() == store.SQLite {
			with = fmt.Sprintf("WITH RECURSIVE g(n) AS (SELECT %d UNION ALL SELECT n + 1 FROM g WHERE n < %d) ", from, min(from+step-1, n))
			series = "g"
		}
		_, err := db.ExecContext(ctx, "INSERT INTO domains ("+strings.Join(columns, ", ")+") "+with+"SELECT "+strings.Join(values, ", ")+
			" FROM domains t, "+series+" WHERE t.id = $1", like)
		if err != nil {
			t.Fatalf("filling: %v", err)
		}
	}
	if s.Engine() == store.PostgreSQL {
		if _, err := db.ExecContext(ctx, "VACUUM ANALYZE"); err != nil {
			t.Fatal(err)
		}
	}
}

func filledNumber(engine string) string {
	if engine == store.SQLite {
		return "printf('%025x', n)"
	}
	return "lpad(to_hex(n), 25, '0')"
}

func reversedNumber(engine string) string {
	if engine == store.SQLite {
		return "printf('%09d', n)"
	}
	return "reverse(CAST(n AS TEXT))"
}

// FilledID is the id of the n-th domain that Fill adds.
func FilledID(n int) string { return fmt.Sprintf("dom_%025x0", n) }

// Size is how many bytes the database takes on disk.
func Size(t testing.TB, s *store.Store) int64 {
	t.Helper()
	query := "SELECT pg_database_size(current_database())"
	if s.Engine() == store.SQLite {
		query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
	}
	var n int64
	if err := s.Writer().QueryRowContext(context.Background(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func columnsOf(t testing.TB, db *sql.DB, engine, table string) []string {
	t.Helper()
	query := "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1"
	if engine == store.SQLite {
		query = "SELECT name FROM pragma_table_info($1)"
	}
	rows, err := db.QueryContext(context.Background(), query, table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		out = append(out, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}
