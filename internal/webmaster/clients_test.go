package webmaster

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
)

// TestClients plays the requests of real clients (contract section 7) against
// the handler. A script in testdata/clients is a sequence of
//
//	== VERB target     a request; headers on the following lines
//	> text             its body; ">>" with a line feed at the end
//	-- status          the reply; Content-Type, Allow and body follow
//	!! finish id how   ends the running check of a host
//
// and -update writes down what follows the status, never the status itself.
func TestClients(t *testing.T) {
	files, err := filepath.Glob("testdata/clients/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(raw))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(raw), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// play runs a script and returns it with the replies that came.
func play(t *testing.T, script string) string {
	t.Helper()
	s, h := world(t, Config{})
	var out strings.Builder
	var head []string
	body := ""
	reply := false // skipping the lines of an expected reply
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		mark, rest, _ := strings.Cut(line, " ")
		switch {
		case mark == "==":
			head, body, reply = []string{rest + " HTTP/1.1", "Host: api.webmaster.yandex.net"}, "", false
		case mark == "!!":
			reply = false
			finishHow(t, s, strings.Fields(rest))
		case mark == "--":
			reply = true
			resp := send(t, h, strings.Join(head, "\n")+"\n\n"+body)
			if got := fmt.Sprint(resp.StatusCode); got != rest {
				t.Errorf("%s: status %s, want %s", head[0], got, rest)
			}
			out.WriteString(line + "\n" + show(t, resp) + "\n")
			continue
		case reply:
			continue
		case mark == ">":
			body = rest
		case mark == ">>":
			body = rest + "\n"
		case len(head) > 0 && line != "":
			head = append(head, line)
		}
		out.WriteString(line + "\n")
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func show(t *testing.T, resp *http.Response) string {
	t.Helper()
	var b strings.Builder
	for _, name := range []string{"Content-Type", "Allow", "Location"} {
		if v := resp.Header.Get(name); v != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	if body := bodyOf(t, resp); body != "" {
		b.WriteString("\n" + body + "\n")
	}
	return b.String()
}

func finishHow(t *testing.T, s *fakeService, args []string) {
	t.Helper()
	if len(args) != 3 || args[0] != "finish" {
		t.Fatalf("unknown directive %q", args)
	}
	h, ok := parseHostID(args[1])
	if !ok {
		t.Fatalf("%q is no host id", args[1])
	}
	d := s.find(h.scheme, string(h.name), h.port)
	if d == nil || d.Running == nil {
		t.Fatalf("no check of %s runs", args[1])
	}
	switch args[2] {
	case "verified":
		finish(d, zonehold.OutcomeVerified, nil)
		s.owned = []app.Owner{{Account: zonehold.Account{Name: "vassily123"}, Domain: d.Domain, VerifiedAt: testTime}}
	case "dns":
		finish(d, zonehold.OutcomeAbsent, &dnsProblem)
	case "file":
		finish(d, zonehold.OutcomeMismatch, &fileProblem)
	case "meta":
		finish(d, zonehold.OutcomeAbsent, &metaProblem)
	default:
		t.Fatalf("unknown result %q", args[2])
	}
}
