package probely

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
)

// TestClients plays the requests of real clients (contract sections 1, 2, 4
// and 7) against the handler. A script in testdata/clients is a sequence of
//
//	== VERB target           a request; headers on the following lines
//	> text                   its body
//	-- status                the reply; Content-Type, Allow and body follow
//	!! place host method     from now on a check finds the proof of that method
//	!! known host method     such a domain proves itself when it is added
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
			head, body, reply = []string{rest + " HTTP/1.1", "Host: api.probely.com"}, "", false
		case mark == "!!":
			reply = false
			arrange(t, s, strings.Fields(rest))
		case mark == "--":
			reply = true
			resp := send(t, h, strings.Join(head, "\n")+"\n\n"+body)
			text := bodyOf(t, resp)
			if got := fmt.Sprint(resp.StatusCode); got != rest {
				t.Errorf("%s: status %s, want %s", head[0], got, rest)
			}
			checkReply(t, resp, text)
			out.WriteString(line + "\n" + show(resp, text) + "\n")
			continue
		case reply:
			continue
		case mark == ">":
			body = rest
		case len(head) > 0 && line != "":
			head = append(head, line)
		}
		out.WriteString(line + "\n")
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func show(resp *http.Response, body string) string {
	var b strings.Builder
	for _, name := range []string{"Content-Type", "Allow", "Location", "Retry-After"} {
		if v := resp.Header.Get(name); v != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	if body != "" {
		b.WriteString("\n" + body + "\n")
	}
	return b.String()
}

func arrange(t *testing.T, s *fakeService, args []string) {
	t.Helper()
	if len(args) != 3 || !zonehold.Method(args[2]).Valid() {
		t.Fatalf("unknown directive %q", args)
	}
	switch args[0] {
	case "place":
		s.proof[args[1]] = zonehold.Method(args[2])
	case "known":
		s.known[args[1]] = zonehold.Method(args[2])
	default:
		t.Fatalf("unknown directive %q", args)
	}
}
