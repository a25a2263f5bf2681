package dns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/probe"
)

// answerFrom builds an answer from "server status content" triples; content is
// the TXT value, or a kind.
func answerFrom(entries ...string) *Answer {
	a := &Answer{Zone: &Zone{}}
	for _, e := range entries {
		f := strings.Fields(e)
		s := ServerAnswer{Server: f[0], Status: Status(f[1])}
		if s.Status == StatusOK {
			switch k := Kind(f[2]); k {
			case KindNoData, KindNXDomain:
				s.Kind = k
			default:
				s.Kind = KindData
				for v := range strings.SplitSeq(f[2], ",") {
					s.Records = append(s.Records, Record{Name: "x", Type: dns.TypeTXT, TTL: uint32(len(a.Servers)), Strings: []string{v}})
				}
				s.Records = canonical(s.Records)
			}
		}
		a.Servers = append(a.Servers, s)
	}
	return a
}

func TestAgreement(t *testing.T) {
	for _, tt := range []struct {
		what     string
		servers  []string
		agreed   bool
		majority string // "" none
		failed   string
	}{
		{"all alike", []string{"a ok t", "b ok t"}, true, "t", ""},
		{"order and TTL do not matter", []string{"a ok t,u", "b ok u,t"}, true, "t u", ""},
		{"duplicates do not matter", []string{"a ok t,t", "b ok t"}, true, "t", ""},
		{"one differs", []string{"a ok t", "b ok u"}, false, "", ""},
		{"one of three differs", []string{"a ok t", "b ok u", "c ok t"}, false, "t", ""},
		{"a superset differs", []string{"a ok t", "b ok t,u"}, false, "", ""},
		{"nodata and nxdomain differ", []string{"a ok nodata", "b ok nxdomain"}, false, "", ""},
		{"one refuses", []string{"a ok t", "b refused"}, false, "", "b:refused"},
		{"one of three is silent", []string{"a ok t", "b timeout", "c ok t"}, false, "t", "b:timeout"},
		{"lame", []string{"a ok t", "b lame"}, false, "", "b:lame"},
		{"no address", []string{"a ok t", "b no_address"}, false, "", "b:no_address"},
		{"forbidden", []string{"a ok t", "b forbidden"}, false, "", "b:forbidden"},
		{"not reachable from here", []string{"a ok t", "b no_route"}, true, "t", ""},
		{"nothing reachable from here", []string{"a no_route", "b no_route"}, false, "", ""},
		{"dead address of a live server", []string{"a ok t", "a timeout", "b unreachable", "b ok t"}, true, "t", ""},
		{"forbidden address of a live server", []string{"a ok t", "a forbidden"}, true, "t", ""},
		{"refusing address of a live server", []string{"a ok t", "a refused", "b ok t"}, false, "", ""},
		{"two addresses differ", []string{"a ok t", "a ok u", "b ok t"}, false, "", ""},
		{"failed on both addresses", []string{"a timeout", "a servfail", "b ok t"}, false, "", "a:servfail"},
		{"failed, and no route", []string{"a no_route", "a timeout", "b ok t"}, false, "", "a:timeout"},
		{"nobody asked", nil, false, "", ""},
	} {
		a := answerFrom(tt.servers...)
		if s, ok := a.Agreed(); ok != tt.agreed || ok == (s == nil) {
			t.Errorf("%s: agreed %v", tt.what, ok)
		}
		got := ""
		if s, ok := a.Majority(); ok {
			for _, rec := range s.Records {
				got = strings.TrimSpace(got + " " + rec.TXT())
			}
		}
		if got != tt.majority {
			t.Errorf("%s: majority %q, want %q", tt.what, got, tt.majority)
		}
		failed := ""
		for _, s := range a.Failed() {
			failed += s.Server + ":" + string(s.Status)
		}
		if failed != tt.failed {
			t.Errorf("%s: failed %q, want %q", tt.what, failed, tt.failed)
		}
	}
}

func TestStatusOf(t *testing.T) {
	op := func(errno syscall.Errno) error {
		return &net.OpError{Op: "read", Err: os.NewSyscallError("read", errno)}
	}
	for _, tt := range []struct {
		err  error
		want Status
	}{
		{probe.ErrForbidden, StatusForbidden},
		{fmt.Errorf("%w: %w", probe.ErrNoRoute, op(syscall.ENETUNREACH)), StatusNoRoute},
		{op(syscall.ECONNREFUSED), StatusUnreachable},
		{op(syscall.ECONNRESET), StatusUnreachable},
		{op(syscall.EHOSTUNREACH), StatusUnreachable},
		{op(syscall.ETIMEDOUT), StatusTimeout},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, StatusTimeout},
		{context.DeadlineExceeded, StatusTimeout},
		{context.Canceled, StatusTimeout},
		{ErrBudget, StatusTimeout},
		{errSilent, StatusTimeout},
		{errMismatch, StatusMalformed},
		{fmt.Errorf("%w: x", errMessage), StatusMalformed},
		{errBare, StatusMalformed},
		{ctxError(context.Background(), io.EOF), StatusUnreachable},
	} {
		if got := statusOf(tt.err); got != tt.want {
			t.Errorf("statusOf(%v) = %s, want %s", tt.err, got, tt.want)
		}
	}
	ours := &net.OpError{Op: "read", Net: "udp", Source: &net.UDPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 4444}, Err: os.NewSyscallError("read", syscall.ECONNREFUSED)}
	if err := ctxError(t.Context(), ours); strings.Contains(err.Error(), "10.1.2.3") || statusOf(err) != StatusUnreachable {
		t.Errorf("our own socket shows: %v", err)
	}
	if worthRetry(ErrBudget) || worthRetry(context.Canceled) || !worthRetry(os.ErrDeadlineExceeded) || worthRetry(probe.ErrNoRoute) {
		t.Error("worthRetry")
	}
	if !errors.Is(errSilent, os.ErrDeadlineExceeded) {
		t.Error("errSilent")
	}
}

func TestCompareRecords(t *testing.T) {
	rr := func(s string) Record {
		r, err := dns.NewRR(s)
		if err != nil {
			t.Fatal(err)
		}
		r.Header().Rdlength = 1
		rec, err := newRecord(r)
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	for _, tt := range []struct {
		a, b  string
		equal bool
	}{
		{"x. 1 IN TXT a", "X. 2 IN TXT a", true},
		{"x. 1 IN TXT a", "x. 1 IN TXT A", false},
		{`x. 1 IN TXT "a" "b"`, "x. 1 IN TXT ab", false},
		{"x. 1 IN CNAME Y.example.", "x. 1 IN CNAME y.EXAMPLE.", true},
		{"x. 1 IN MX 10 y.", "x. 1 IN MX 20 y.", false},
		{"x. 1 IN A 45.1.1.1", "x. 1 IN A 45.1.1.2", false},
		{"x. 1 IN SOA A. b. 1 2 3 4 5", "x. 9 IN SOA a. B. 1 2 3 4 5", true},
		{"x. 1 IN SOA a. b. 1 2 3 4 5", "x. 1 IN SOA a. b. 2 2 3 4 5", false},
		{`x. 1 IN CAA 0 issue "ca.example"`, `x. 2 IN CAA 0 issue "ca.example"`, true},
		{`x. 1 IN CAA 0 issue "ca.example"`, `x. 1 IN CAA 0 issue "CA.example"`, false},
	} {
		a, b := rr(tt.a), rr(tt.b)
		if got := compareRecords(a, b) == 0; got != tt.equal {
			t.Errorf("%s = %s: %v", tt.a, tt.b, got)
		}
		if compareRecords(a, b) != -compareRecords(b, a) {
			t.Errorf("%s, %s: not antisymmetric", tt.a, tt.b)
		}
	}
}
