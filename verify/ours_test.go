package verify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
)

// What failed on our side is told in plain words, never as the system put it:
// that would show our addresses (threat T14).
func TestOurFaultsInPlainWords(t *testing.T) {
	raw := &net.OpError{
		Op: "read", Net: "udp", Source: &net.UDPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 4444},
		Addr: &net.UDPAddr{IP: net.IPv4(10, 9, 9, 9), Port: 53}, Err: os.NewSyscallError("read", syscall.ECONNREFUSED),
	}
	down := fmt.Errorf("asking zone . about example: %w (a.root-servers (10.9.9.9): %v)", dns.ErrOurNetworkDown, errors.Unwrap(raw)) //nolint:errorlint // as probe/dns says it
	fetch := func(kind web.ErrorKind, err error) *web.Fetch {
		return &web.Fetch{Err: &web.Error{Kind: kind, URL: "https://example.com/", Err: err}}
	}
	facts := problem.Facts{problem.FactDomain: "example.com"}
	for _, tt := range []struct {
		detail string
		find   func() *Finding
	}{
		{"no root server of the DNS answers us", func() *Finding {
			_, f := walkFailure(t.Context(), down, facts)
			return f
		}},
		{"no root server of the DNS answers us", func() *Finding {
			_, f := fetchFailure(t.Context(), fetch(web.KindDNS, down), facts)
			return f
		}},
		{"the check was cancelled", func() *Finding {
			_, f := walkFailure(t.Context(), fmt.Errorf("asking zone . about example: %w", context.Canceled), facts)
			return f
		}},
		{"this machine could not open a connection to the web server", func() *Finding {
			_, f := fetchFailure(t.Context(), fetch(web.KindNoRoute, raw), facts)
			return f
		}},
		{"the address of the page is not one that can be asked", func() *Finding {
			_, f := fetchFailure(t.Context(), fetch(web.KindBadURL, raw), facts)
			return f
		}},
	} {
		f := tt.find()
		if got := f.Facts[problem.FactDetail]; f.Code != "verifier_fault" || got != tt.detail {
			t.Errorf("%s, %q; want verifier_fault, %q", f.Code, got, tt.detail)
		}
	}
}
