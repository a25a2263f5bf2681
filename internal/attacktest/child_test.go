package attacktest

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/diagnose"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/testnet"
	"github.com/zonehold/zonehold/verify"
)

// order tells a child process what to check. It has its own environment and
// its own memory, so that both can be looked at.
type order struct {
	Hints string
	CA    string
	Ports testnet.Ports
	Host  string
	Token string
}

// verdict is what the child says.
type verdict struct {
	Outcomes map[zonehold.Method]zonehold.Outcome
	Grown    map[zonehold.Method]uint64 // bytes of peak heap over what there was before
}

// TestChild is the child; it does nothing by itself.
func TestChild(t *testing.T) {
	text := os.Getenv("ZONEHOLD_ATTACKTEST_ORDER")
	if text == "" {
		t.Skip("is run by other tests")
	}
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	roots, err := dns.ParseRootHints(strings.NewReader(o.Hints))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(o.CA))
	dialer := &probe.Dialer{Guard: probe.NewGuard(probe.GuardConfig{Allow: []netip.Prefix{netip.MustParsePrefix("127.45.0.0/16"), netip.MustParsePrefix("127.46.0.0/16")}})}
	r, err := dns.New(dns.Config{Dialer: dialer, Roots: roots, Port: o.Ports.DNS})
	if err != nil {
		t.Fatal(err)
	}
	kit := &verify.Kit{DNS: r, Web: web.New(web.Config{
		Dialer: dialer, Resolver: r, RootCAs: pool, Ports: []uint16{o.Ports.HTTP, o.Ports.HTTPS}, Timeout: 5 * time.Second})}
	claim := verify.Claim{Hostname: zonehold.Hostname(o.Host), Tokens: zonehold.Tokens{TXT: o.Token, CNAME: o.Token, File: o.Token, Meta: o.Token}}
	v := verdict{map[zonehold.Method]zonehold.Outcome{}, map[zonehold.Method]uint64{}}
	for _, m := range verify.Placed() {
		v.Grown[m.Name()] = peak(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			v.Outcomes[m.Name()] = diagnose.Run(ctx, kit, m, claim).Outcome
		})
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("VERDICT %s\n", out)
}

// peak is by how much the heap grew at most while fn ran.
func peak(fn func()) uint64 {
	runtime.GC()
	debug.FreeOSMemory()
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before, most := inUse(), uint64(0)
	var done atomic.Bool
	ended := make(chan struct{})
	go func() {
		for !done.Load() {
			most = max(most, inUse())
			time.Sleep(time.Millisecond)
		}
		close(ended)
	}()
	fn()
	done.Store(true)
	<-ended
	return max(most, before) - before
}

// child runs a check in another process, with more environment.
func child(t *testing.T, n *testnet.Network, host, token string, env ...string) verdict {
	t.Helper()
	o, err := json.Marshal(order{Hints: n.RootHints(), CA: string(n.CA()), Ports: n.Ports(), Host: host, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestChild$", "-test.count=1")
	cmd.Env = append(append(os.Environ(), "ZONEHOLD_ATTACKTEST_ORDER="+string(o)), env...)
	out, err := cmd.CombinedOutput()
	_, line, ok := strings.Cut(string(out), "VERDICT ")
	if err != nil || !ok {
		t.Fatalf("%v\n%s", err, out)
	}
	line, _, _ = strings.Cut(line, "\n")
	var v verdict
	if err := json.Unmarshal([]byte(line), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func onLoopback(t *testing.T) *testnet.Network {
	t.Helper()
	n, err := testnet.NewOnLoopback(testnet.Ports{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

const childToken = "4qj2ayzi5r7k3wcbx6ndmfteu4shpo2l"

// T8: the environment names proxies, certificates and a resolver, and none of
// it is listened to.
func TestT08EnvironmentProxy(t *testing.T) {
	n := onLoopback(t)
	p, _ := zonehold.ProfileByName("")
	n.Host("www.example.com").Page(p.FilePath(childToken), 200, "text/plain", p.FileBody(childToken))
	var hits atomic.Int32
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	go func() {
		for {
			conn, err := proxy.Accept()
			if err != nil {
				return
			}
			hits.Add(1)
			conn.Close()
		}
	}()
	url := "http://" + proxy.Addr().String()
	env := []string{"NO_PROXY=", "no_proxy=", "GODEBUG=netdns=cgo", "LOCALDOMAIN=evil.net", "RES_OPTIONS=ndots:15", "REQUEST_METHOD="}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "SOCKS_PROXY", "FTP_PROXY"} {
		env = append(env, name+"="+url)
	}
	v := child(t, n, "www.example.com", childToken, env...)
	if v.Outcomes[zonehold.MethodFile] != zonehold.OutcomeVerified {
		t.Errorf("outcomes %v", v.Outcomes)
	}
	if hits.Load() > 0 {
		t.Errorf("%d contacts with the proxy of the environment", hits.Load())
	}
	// The listener does count.
	c := http.Client{Timeout: 2 * time.Second}
	if resp, err := c.Get(url); err == nil {
		resp.Body.Close()
	}
	if hits.Load() == 0 {
		t.Error("the proxy sees nothing")
	}
}

// T11: what a flood costs the process that asks.
func TestT11Memory(t *testing.T) {
	// Of all that a check holds at a time, garbage included. Bytes that are
	// never kept cost next to nothing; trees of absurd pages cost more.
	const plain, markup = 24 << 20, 96 << 20
	t.Parallel()
	n := onLoopback(t)
	hosts := map[string]func(*testnet.Host){
		"bomb":    func(h *testnet.Host) { h.Fault(testnet.HostFaultGzipBomb) },
		"huge":    func(h *testnet.Host) { h.Fault(testnet.HostFaultHugeBody) },
		"headers": func(h *testnet.Host) { h.Fault(testnet.HostFaultHugeHeaders) },
		"nested":  func(h *testnet.Host) { h.CatchAll(page(strings.Repeat("<div>", 100_000))) },
		"table":   func(h *testnet.Host) { h.CatchAll(page(strings.Repeat("<table><b>", 40_000))) },
		"format":  func(h *testnet.Host) { h.CatchAll(page(strings.Repeat("<p><b><i><u>", 40_000))) },
		"attrs": func(h *testnet.Host) {
			var b strings.Builder
			for i := range 100_000 {
				b.WriteString(" a" + strconv.Itoa(i))
			}
			h.CatchAll(page("<meta" + b.String() + ">"))
		},
		"reopened": func(h *testnet.Host) {
			// Each paragraph reopens every one of them.
			var b strings.Builder
			for i := range 450 {
				fmt.Fprintf(&b, "<font a%d>", i)
			}
			h.CatchAll(page("<p>" + b.String() + strings.Repeat("<p>x", 200_000)))
		},
		"metas":    func(h *testnet.Host) { h.CatchAll(page(strings.Repeat("<meta name=x>", 70_000))) },
		"comments": func(h *testnet.Host) { h.CatchAll(page(strings.Repeat("<!--<meta-->", 80_000))) },
	}
	for name, prepare := range hosts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := name + ".example.com"
			prepare(n.Host(host))
			v := child(t, n, host, childToken)
			limit := uint64(plain)
			if name != "bomb" && name != "huge" && name != "headers" {
				limit = markup
			}
			for m, grown := range v.Grown {
				if grown > limit {
					t.Errorf("%s: the heap grew by %d MiB", m, grown>>20)
				}
				t.Logf("%s: %s, %d KiB", m, v.Outcomes[m], grown>>10)
				if v.Outcomes[m] == zonehold.OutcomeVerified {
					t.Errorf("%s is verified", m)
				}
			}
		})
	}
}

func page(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(body))
	})
}
