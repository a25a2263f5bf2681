package probe

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestConfiguredContains(t *testing.T) {
	c := NewConfigured("Relay.Example.com.:25", "[::1]:443", "127.0.0.1:80", "no-port", "x:0", "x:70000", ":25", "")
	for endpoint, want := range map[string]bool{
		"relay.example.com:25":   true,
		"RELAY.example.com.:25":  true,
		"relay.example.com:025":  true,
		"relay.example.com:26":   false,
		"relay.example.com":      false,
		"relay.example.com:smtp": false,
		"x.relay.example.com:25": false,
		"[::1]:443":              true,
		"[0:0::1]:443":           true,
		"[::1%lo]:443":           false,
		"127.0.0.1:80":           true,
		"[::ffff:127.0.0.1]:80":  true,
		"127.0.0.1:81":           false,
		"127.1:80":               false,
		"no-port":                false,
		"x:0":                    false,
		":25":                    false,
		"":                       false,
	} {
		if got := c.Contains(endpoint); got != want {
			t.Errorf("Contains(%q) = %t", endpoint, got)
		}
	}
	if (*Configured)(nil).Contains("127.0.0.1:80") {
		t.Error("a nil Configured contains something")
	}
}

func TestConfiguredDials(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	port := netip.MustParseAddrPort(ln.Addr().String()).Port()
	here := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port).String()
	named := strings.Replace(here, "127.0.0.1", "localhost", 1)

	c := NewConfigured(named)
	conn, err := c.DialContext(t.Context(), "tcp", strings.ToUpper(named))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	// The same socket under a name that nobody configured.
	if _, err := c.DialContext(t.Context(), "tcp", here); !errors.Is(err, ErrNotConfigured) {
		t.Errorf("error %v", err)
	}
	if _, err := (*Configured)(nil).DialContext(t.Context(), "tcp", named); !errors.Is(err, ErrNotConfigured) {
		t.Errorf("nil: error %v", err)
	}
	if _, err := c.DialContext(t.Context(), "udp", named); err == nil {
		t.Error("udp dialed")
	}
	ln.Close()
	if _, err := c.DialContext(t.Context(), "tcp", named); err == nil || errors.Is(err, ErrNotConfigured) {
		t.Errorf("closed port: error %v", err)
	}
}
