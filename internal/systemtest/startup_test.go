package systemtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestStartup measures what a newcomer meets: an empty folder, one program.
// The bounds are wide, as other tests run beside it; the figures are logged.
func TestStartup(t *testing.T) {
	t.Parallel()
	env := environment(t, "ZONEHOLD_DATA_DIR="+filepath.Join(t.TempDir(), "data"))
	for _, start := range []string{"first start, on an empty folder", "second start"} {
		p := measurePace(t)
		srv := serve(t, listenAddr(t), env)
		alive := srv.answers("/healthz").Sub(srv.started)
		ready := srv.answers("/readyz").Sub(srv.started)
		time.Sleep(2 * time.Second) // until it is idle
		rss := residentMB(t, srv.cmd.Process.Pid)
		t.Logf("%s: /healthz after %d ms, /readyz after %d ms, %.1f MB in memory when idle",
			start, alive.Milliseconds(), ready.Milliseconds(), rss)
		p.soon(t, start, alive, 3*time.Second)
		if rss > 120 {
			t.Errorf("%s: %.1f MB in memory", start, rss)
		}
		if code := srv.terminate(); code != 0 {
			t.Errorf("%s: exit code %d", start, code)
		}
	}
}

// residentMB is the resident memory of a process, 0 where the system does not
// tell.
func residentMB(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Log("resident memory is not measured on this system")
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			var kb float64
			if _, err := fmt.Sscan(rest, &kb); err != nil {
				t.Fatal(err)
			}
			return kb / 1024
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
