package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
)

// resolve asks for the addresses of the host of u, once, and puts them into
// hop: at least one unless there is an error.
func (c *Client) resolve(ctx context.Context, u *url.URL, hop *Hop) *Error {
	span := probe.TraceFrom(ctx).Start("resolve_host", u.Hostname())
	found, err := c.cfg.Resolver.Addrs(ctx, u.Hostname())
	if err != nil {
		span.End(false, "%s", KindDNS)
		return &Error{Kind: KindDNS, URL: hop.URL, Err: err}
	}
	hop.Aliases = found.Chain
	if len(found.Addrs) == 0 {
		err := ErrNoRecords
		if found.Kind == dns.KindNXDomain {
			err = ErrNoSuchHost
		}
		span.End(false, "%v", err)
		return &Error{Kind: KindNoAddress, URL: hop.URL, Err: err}
	}
	// IPv6 first, whatever order the resolver chose; an IPv4 address in IPv6
	// clothes is an IPv4 address.
	var six, four []netip.Addr
	for _, a := range found.Addrs[:min(len(found.Addrs), maxAddrs)] {
		switch a = a.Unmap(); {
		case slices.Contains(six, a), slices.Contains(four, a):
		case a.Is4():
			four = append(four, a)
		default:
			six = append(six, a)
		}
	}
	hop.Addrs = append(six, four...)
	span.End(true, "%s", list(hop.Addrs))
	return nil
}

// list names the first addresses and counts the rest.
func list(addrs []netip.Addr) string {
	const most = 4
	var names []string
	for _, a := range addrs[:min(len(addrs), most)] {
		names = append(names, a.String())
	}
	if more := len(addrs) - most; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// candidates are the addresses to try, in order: the first allowed one of
// each family. Forbidden ones go to hop.Failed, all with the same error.
func (c *Client) candidates(ctx context.Context, u *url.URL, hop *Hop) ([]netip.Addr, *Error) {
	var six, four netip.Addr
	for _, a := range hop.Addrs {
		if c.cfg.Dialer.Guard.Check(a) != nil {
			target := netip.AddrPortFrom(a, portNumber(u)).String()
			probe.TraceFrom(ctx).Start("connect", target).End(false, "%s", KindForbiddenAddress)
			hop.Failed = append(hop.Failed, AddrError{a, forbidden(hop.URL)})
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
	if len(try) == 0 {
		return nil, forbidden(hop.URL)
	}
	return try, nil
}

// forbidden is the one error for every address that the guard refuses: it
// must not tell two of them apart (threat T14).
func forbidden(url string) *Error {
	return &Error{Kind: KindForbiddenAddress, URL: url, Err: probe.ErrForbidden}
}

// connect dials the candidates of the hop: one, and if that fails one of the
// other family.
func (c *Client) connect(ctx context.Context, u *url.URL, hop *Hop) (net.Conn, *Error) {
	try, err := c.candidates(ctx, u, hop)
	if err != nil {
		return nil, err
	}
	for i, addr := range try {
		if i > 0 {
			hop.Failed = append(hop.Failed, AddrError{try[i-1], err})
		}
		var conn net.Conn
		conn, err = c.dial(ctx, u, addr, len(try)-i)
		if err == nil {
			hop.Addr = addr
			return conn, nil
		}
	}
	return nil, err
}

// dial makes one connection. It may use its share of the time that is left,
// so that a silent address does not starve the next one.
func (c *Client) dial(ctx context.Context, u *url.URL, addr netip.Addr, share int) (net.Conn, *Error) {
	if deadline, ok := ctx.Deadline(); ok && share > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(share))
		defer cancel()
	}
	target := netip.AddrPortFrom(addr, portNumber(u))
	span := probe.TraceFrom(ctx).Start("connect", target.String())
	conn, err := c.cfg.Dialer.Dial(ctx, "tcp", target)
	if err == nil {
		span.End(true, "connected")
		return conn, nil
	}
	kind := dialKind(err)
	span.End(false, "%s", kind)
	if kind == KindForbiddenAddress {
		return nil, forbidden(u.String())
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		err = context.Canceled
	}
	return nil, &Error{Kind: kind, URL: u.String(), Addr: addr, Err: err}
}
