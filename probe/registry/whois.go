package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
)

// endpoint is a WHOIS server: a host name or an address, and a port.
type endpoint struct {
	host string
	port uint16
}

// String omits the usual port.
func (e endpoint) String() string {
	if e.port == whoisPort {
		return e.host
	}
	return net.JoinHostPort(e.host, strconv.Itoa(int(e.port)))
}

// parseEndpoint reads the operator's "host[:port]".
func parseEndpoint(s string) (endpoint, error) {
	host, port := s, uint16(whoisPort)
	if h, p, err := net.SplitHostPort(s); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return endpoint{}, errors.New("the port is not a number from 1 to 65535")
		}
		host, port = h, uint16(n)
	}
	host, ok := serverName(host)
	if !ok {
		return endpoint{}, errors.New("not a host name, nor one with a port")
	}
	return endpoint{host, port}, nil
}

// serverName checks the name of a server: a host name that is no public
// suffix, or an address in plain notation. Nothing else gets through: no URL,
// no port, no user name.
func serverName(s string) (string, bool) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Unmap().String(), addr.Zone() == ""
	}
	host, err := zonehold.ParseHostname(s)
	if err != nil || host.IsPublicSuffix() {
		return "", false
	}
	return string(host), true
}

// referrals remembers which server IANA named for a top-level domain.
type referrals struct {
	mu   sync.Mutex
	byTD map[string]referral
}

type referral struct {
	to   endpoint
	none bool // IANA names none
	at   time.Time
}

// maxReferrals bounds the memory; there are some 1 500 top-level domains.
const maxReferrals = 4096

func newReferrals() *referrals { return &referrals{byTD: map[string]referral{}} }

func (r *referrals) get(tld string, now time.Time) (referral, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ref, ok := r.byTD[tld]
	if !ok || now.Sub(ref.at) > cacheFor || now.Before(ref.at) {
		return referral{}, false
	}
	return ref, true
}

func (r *referrals) put(tld string, ref referral) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.byTD) >= maxReferrals {
		clear(r.byTD)
	}
	r.byTD[tld] = ref
}

// whois asks port 43: the root for the server of the top-level domain, and
// that server for the domain. There is no third step.
func (c *Client) whois(ctx context.Context, domain string) (*Registration, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	server, err := c.referTo(ctx, domain)
	if err != nil {
		return nil, err
	}
	raw, err := c.ask43(ctx, server, domain)
	if err != nil {
		return nil, err
	}
	span := probe.TraceFrom(ctx).Start("read_whois", server.String())
	reg, err := parseWHOIS(domain, raw)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.Server = server.String()
		}
		span.End(false, "%v", err)
		return nil, err
	}
	reg.Server, reg.AskedAt = server.String(), c.now().UTC()
	span.End(true, "registration of %s, %d contacts", reg.Domain, len(reg.Contacts))
	return reg, nil
}

// referTo is the server that the root names for the top-level domain of
// domain.
func (c *Client) referTo(ctx context.Context, domain string) (endpoint, error) {
	tld := topLevel(domain)
	ref, ok := c.referrals.get(tld, c.now())
	if !ok {
		host, err := c.askRoot(ctx, tld, tld)
		if err == nil && host == "" {
			// A root of a closed network may know whole names only.
			host, err = c.askRoot(ctx, domain, tld)
		}
		if err != nil {
			return endpoint{}, err
		}
		ref = referral{to: endpoint{host, c.root.port}, none: host == "", at: c.now()}
		c.referrals.put(tld, ref)
	}
	if ref.none {
		return endpoint{}, whoisError(c.root.String(), ErrNoService, nil, "IANA names no WHOIS server for .%s", tld)
	}
	return ref.to, nil
}

// askRoot asks the root one question and reads whom it refers to; "": nobody.
func (c *Client) askRoot(ctx context.Context, query, tld string) (string, error) {
	raw, err := c.ask43(ctx, c.root, query)
	if err != nil {
		return "", err
	}
	host, err := parseReferral(tld, raw)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.Server = c.root.String()
		}
		probe.TraceFrom(ctx).Start("read_referral", c.root.String()).End(false, "%v", err)
	}
	return host, err
}

func whoisError(server string, kind, cause error, format string, args ...any) *Error {
	return &Error{Source: SourceWHOIS, Server: server, Kind: kind, Err: cause, Reason: fmt.Sprintf(format, args...)}
}

// ask43 makes one exchange of RFC 3912: a line, and all that comes until the
// server hangs up.
func (c *Client) ask43(ctx context.Context, server endpoint, query string) ([]byte, error) {
	span := probe.TraceFrom(ctx).Start("ask_whois", server.String()+" "+query)
	raw, err := c.exchange43(ctx, server, query)
	if err != nil {
		span.End(false, "%v", err)
		return nil, err
	}
	span.End(true, "%d bytes", len(raw))
	return raw, nil
}

func (c *Client) exchange43(ctx context.Context, server endpoint, query string) ([]byte, error) {
	name := server.String()
	conn, err := c.dial43(ctx, server)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := io.WriteString(conn, query+"\r\n"); err != nil {
		return nil, whoisError(name, ErrUnavailable, err, "the connection ended before the question was sent")
	}
	var got bytes.Buffer
	_, err = io.Copy(&got, io.LimitReader(conn, maxWHOIS+1))
	switch {
	case got.Len() > maxWHOIS:
		return nil, whoisError(name, ErrUnavailable, nil, "the answer is longer than %d KiB", maxWHOIS>>10)
	case ctx.Err() != nil:
		return nil, whoisError(name, ErrUnavailable, ctx.Err(), "no complete answer in time")
	case err != nil:
		return nil, whoisError(name, ErrUnavailable, err, "the connection broke in the middle of the answer")
	case got.Len() == 0:
		return nil, whoisError(name, ErrUnavailable, nil, "the answer is empty")
	}
	return got.Bytes(), nil
}

// dial43 connects to the first address of each family that the guard allows,
// IPv6 first.
func (c *Client) dial43(ctx context.Context, server endpoint) (net.Conn, error) {
	name := server.String()
	addrs, err := c.addresses(ctx, server.host)
	if err != nil {
		return nil, whoisError(name, ErrUnavailable, err, "its name could not be resolved")
	}
	if len(addrs) == 0 {
		return nil, whoisError(name, ErrUnavailable, nil, "it has no address")
	}
	try := candidates(c.cfg.Dialer.Guard, addrs)
	if len(try) == 0 {
		return nil, forbidden(server)
	}
	var failed error
	for i, addr := range try {
		conn, err := c.dialOne(ctx, netip.AddrPortFrom(addr, server.port), len(try)-i)
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	switch {
	case errors.Is(failed, probe.ErrForbidden):
		return nil, forbidden(server)
	case ctx.Err() != nil, isTimeout(failed):
		return nil, whoisError(name, ErrUnavailable, failed, "no connection in time")
	case errors.Is(failed, probe.ErrNoRoute):
		return nil, whoisError(name, ErrUnavailable, failed, "there is no route to it from here")
	}
	return nil, whoisError(name, ErrUnavailable, failed, "it does not accept connections")
}

// forbidden is the one error for every server that the guard refuses. It does
// not repeat an address.
func forbidden(server endpoint) *Error {
	name := server.String()
	if _, err := netip.ParseAddr(server.host); err == nil {
		name = ""
	}
	return whoisError(name, ErrForbidden, nil, "%v", ErrForbidden)
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// dialOne uses its share of the time that is left.
func (c *Client) dialOne(ctx context.Context, addr netip.AddrPort, share int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok && share > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(share))
		defer cancel()
	}
	return c.cfg.Dialer.Dial(ctx, "tcp", addr)
}

// addresses resolves a server, unless it is an address already.
func (c *Client) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	found, err := c.cfg.DNS.Addrs(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("resolving %s: %w", host, err)
	}
	return found.Addrs, nil
}

// candidates are the first address of each family that may be contacted.
func candidates(guard *probe.Guard, addrs []netip.Addr) []netip.Addr {
	var six, four netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); guard.Check(a) != nil {
			continue
		}
		switch {
		case a.Is4() && !four.IsValid():
			four = a
		case !a.Is4() && !six.IsValid():
			six = a
		}
	}
	var try []netip.Addr
	for _, a := range []netip.Addr{six, four} {
		if a.IsValid() {
			try = append(try, a)
		}
	}
	return try
}

// parseReferral reads the root's answer about a top-level domain: the host of
// its WHOIS server, "" if the root knows the domain and names none.
func parseReferral(tld string, raw []byte) (string, error) {
	text, ok := decodeText(raw)
	if !ok {
		return "", whoisError("", ErrUnavailable, nil, "the answer is binary data, not text")
	}
	refer, about, keys := "", "", 0
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(key) != key || key == "" || strings.HasPrefix(key, "%") {
			continue // indented, a comment, or no attribute
		}
		keys++
		value = strings.TrimSpace(value)
		switch strings.ToLower(key) {
		case "domain":
			if about == "" {
				about = strings.ToLower(value)
			}
		case "refer", "whois":
			if value == "" || value == refer {
				continue
			}
			if refer != "" {
				return "", whoisError("", ErrUnavailable, nil, "it refers to two servers for .%s", tld)
			}
			refer = value
		}
	}
	switch {
	case about != "" && about != tld && !strings.HasSuffix(about, "."+tld):
		return "", whoisError("", ErrUnavailable, nil, "it answers about .%s instead of .%s", clean(about), tld)
	case refer == "" && keys == 0 && !strings.Contains(text, "%"):
		return "", whoisError("", ErrUnavailable, nil, "the answer is not a WHOIS answer")
	case refer == "":
		return "", nil
	}
	host, ok := serverName(refer)
	if !ok {
		return "", whoisError("", ErrForbidden, nil, "its referral for .%s is not the plain name of a host", tld)
	}
	return host, nil
}
