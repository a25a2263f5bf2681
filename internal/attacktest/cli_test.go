package attacktest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// T15: what the command line prints of hostile texts. A terminal obeys what it
// is shown.
func TestT15CommandLine(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "zonehold")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/zonehold/zonehold/cmd/zonehold").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	n := onLoopback(t)
	hints := filepath.Join(dir, "hints")
	if err := os.WriteFile(hints, []byte(n.RootHints()), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, binary, args...)
		cmd.Env = []string{
			"HOME=" + dir, "PATH=/bin", "ZONEHOLD_EGRESS_ALLOW=127.45.0.0/16,127.46.0.0/16", "ZONEHOLD_DNS_ROOT_HINTS=" + hints, "ZONEHOLD_DNS_RESOLVERS=" + n.Resolver().Addr().String(),
			fmt.Sprintf("ZONEHOLD_DNS_PORT=%d", n.Ports().DNS), fmt.Sprintf("ZONEHOLD_HTTP_PORTS=%d,%d", n.Ports().HTTP, n.Ports().HTTPS),
		}
		out, err := cmd.CombinedOutput()
		if ctx.Err() != nil {
			t.Errorf("%q did not end", args)
		}
		if err == nil && args[0] == "verify" {
			t.Errorf("%q says verified", args)
		}
		return string(out)
	}
	for i, h := range hostile {
		host := fmt.Sprintf("h%d.example.com", i)
		zone := n.Zone(host)
		zone.Add("_zonehold-challenge", "TXT", "token="+h).Add("@", "TXT", h).Add("@", "CAA", `0 issue "\027[31m"`).Add("@", "MX", `10 \027\091m.example.com.`)
		zone.Servers()[0].EDE(22, h)
		n.Host(host).CatchAll(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Server", h)
			w.Header().Set("X-Cache", "HIT "+h)
			_, _ = w.Write([]byte("<title>" + h + `</title><meta name="zonehold-verification" content="` + h + `">`))
		}))
		for _, args := range [][]string{{"verify", host, "-v"}, {"verify", host, "--method", "meta-tag", "-v"}, {"verify", host, "--json"}, {"explain", host, "-v"}, {"explain", host, "--json"}} {
			if args[0] == "verify" {
				args = append(args, "--scheme", "http")
			}
			out := run(args...)
			if !strings.Contains(out, host) || args[0] == "verify" && !strings.Contains(out, "outcome") && !strings.Contains(out, "is not verified") {
				t.Errorf("%q says %.300q", args, out)
			}
			if why := unclean(strings.ReplaceAll(out, "\n", ""), 1<<20); why != "" {
				t.Errorf("%q with %q: %s in %.1000q", args, h, why, out)
			}
		}
	}
	// Names and arguments as the person typed them, or as a script took them
	// from somewhere.
	for i, h := range append(hostile[:len(hostile):len(hostile)], disguised...) {
		if strings.ContainsRune(h, 0) {
			continue // no argument can hold it
		}
		calls := [][]string{{"verify", "--", h}}
		if i < len(hostile) {
			calls = append(calls, []string{"explain", "--", h}, []string{"verify", "example.com", "--method=" + h}, []string{"verify", "example.com", "--profile=" + h}, []string{"problems", "--", h}, []string{"verify", "example.com", "--token=" + h + "\x1b"})
		}
		for _, args := range calls {
			out := run(args...)
			if why := unclean(strings.NewReplacer("\n", "", "\t", "").Replace(out), 1<<20); why != "" {
				t.Errorf("%q: %s in %.600q", args, why, out)
			}
		}
	}
}
