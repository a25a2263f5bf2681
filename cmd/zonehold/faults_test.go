package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zonehold/zonehold/internal/auth"
	"github.com/zonehold/zonehold/internal/config"
	"github.com/zonehold/zonehold/internal/telemetry"
)

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestDatabaseFaults makes the database of a running server full, then
// read-only: every dialect says so in its own shape, /readyz names the check,
// the log is not flooded, and all is well again without a restart.
func TestDatabaseFaults(t *testing.T) {
	cfg, err := config.Load(config.Sources{Environ: []string{"ZONEHOLD_LISTEN=127.0.0.1:0", "ZONEHOLD_DATA_DIR=" + filepath.Join(t.TempDir(), "data"),
		"ZONEHOLD_OWNER_WATCH=off", "ZONEHOLD_DNS_FORWARD=127.0.0.1:1", "ZONEHOLD_EGRESS_ALLOW=127.0.0.0/8", "ZONEHOLD_DNS_RESOLVERS="}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := newOutside(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var log lockedBuffer
	s, err := startServer(t.Context(), cfg, out, telemetry.NewLogger(&log, cfg.LogLevel, "text"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}()
	a := auth.New(s.store)
	defer a.Close()
	account, err := a.CreateAccount(t.Context(), "alpha", "", false)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := a.Grant(t.Context(), account.ID, "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		status int
		retry  string
		body   string
	}
	call := func(method, path, scheme, body string) answer {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, method, s.url()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", scheme+" "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer{resp.StatusCode, resp.Header.Get("Retry-After"), string(text)}
	}
	n := 0
	create := map[string]func() answer{
		"native": func() answer {
			return call("POST", "/v1/domains", "Bearer", fmt.Sprintf(`{"hostname":"n%d.example"}`, n))
		},
		"yandex": func() answer {
			return call("POST", fmt.Sprintf("/v4/user/%d/hosts", account.Number), "OAuth", fmt.Sprintf(`{"host_url":"http://y%d.example"}`, n))
		},
		"probely": func() answer { return call("POST", "/domains/", "JWT", fmt.Sprintf(`{"name":"p%d.example"}`, n)) },
	}
	shapes := map[string]string{"native": `"code":"unavailable"`, "yandex": `"error_code":"SERVICE_UNAVAILABLE"`, "probely": `{"detail":"Service temporarily unavailable`}
	readyz := func() (doc struct {
		Ready           bool
		Checks, Reasons map[string]string
	}) {
		t.Helper()
		if err := json.Unmarshal([]byte(call("GET", "/readyz", "", "").body), &doc); err != nil {
			t.Fatal(err)
		}
		return doc
	}
	set := func(pragma string) {
		t.Helper()
		if _, err := s.store.Writer().ExecContext(t.Context(), "PRAGMA "+pragma); err != nil {
			t.Fatal(err)
		}
	}
	for name, fn := range create {
		if got := fn(); got.status != 201 {
			t.Fatalf("%s: %+v", name, got)
		}
	}
	for _, fault := range []struct{ begin, end, word string }{
		{"max_page_count = 1", "max_page_count = 1000000000", "is full"},
		{"query_only = 1", "query_only = 0", "cannot be written to"},
	} {
		set(fault.begin)
		refused := map[string]bool{}
		for range 3000 {
			n++
			for name, fn := range create {
				got := fn()
				if got.status == 201 {
					continue // there was room in the file
				}
				refused[name] = true
				if got.status != 503 || got.retry == "" || !strings.Contains(got.body, shapes[name]) {
					t.Fatalf("%s, %s: %+v", fault.word, name, got)
				}
				if name == "native" && !strings.Contains(got.body, fault.word) {
					t.Errorf("%s: %s", fault.word, got.body)
				}
			}
			if len(refused) == len(create) {
				break
			}
		}
		if len(refused) != len(create) {
			t.Fatalf("%s: refused by %v only", fault.word, refused)
		}
		// What only reads still works.
		if got := call("GET", "/v1/domains", "Bearer", ""); got.status != 200 {
			t.Errorf("%s: reading: %+v", fault.word, got)
		}
		time.Sleep(1100 * time.Millisecond) // results of checks are reused for a second
		if h := readyz(); h.Ready || h.Checks["writes"] != "failing" || h.Checks["database"] != "ok" || !strings.Contains(h.Reasons["writes"], fault.word) {
			t.Errorf("%s: %+v", fault.word, h)
		}
		before := strings.Count(log.String(), "\n")
		for range 300 {
			n++
			create["native"]()
		}
		if more := strings.Count(log.String(), "\n") - before; more > 100 {
			t.Errorf("%s: %d lines of log for 300 refusals", fault.word, more)
		}
		set(fault.end)
		n++
		for name, fn := range create {
			if got := fn(); got.status != 201 {
				t.Errorf("after %s, %s: %+v", fault.word, name, got)
			}
		}
		for end := time.Now().Add(time.Minute); !readyz().Ready; time.Sleep(200 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("after %s: %+v", fault.word, readyz())
			}
		}
	}
}
