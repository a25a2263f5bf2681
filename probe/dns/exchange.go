package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"github.com/zonehold/zonehold/probe"
)

// effort is how hard one server is tried.
type effort int

const (
	// effortQuick is one datagram with a short wait, for walks, where another
	// server will do as well.
	effortQuick effort = iota
	// effortFull finds out what is wrong: every try, then without EDNS, then
	// over TCP.
	effortFull
)

// quickWait is how long a walk waits for the first server before it asks
// others too.
const quickWait = 400 * time.Millisecond

// maxBadReplies is how many datagrams that do not answer the query are read
// from one socket before it is given up for TCP.
const maxBadReplies = 64

var (
	errTruncated = errors.New("answer truncated")
	errCase      = errors.New("letter case of the question changed")
	errMismatch  = errors.New("replies do not answer the question")
	errBare      = errors.New("server does not understand the query")
)

// exchange is one question to one address.
type exchange struct {
	r    *Resolver
	w    *work
	q    *question
	addr netip.AddrPort
	a    ServerAnswer
}

// exchange asks one address and says what it answered. The reading is the zero
// one unless the status is StatusOK.
func (r *Resolver) exchange(ctx context.Context, w *work, zone, server string, addr netip.AddrPort, q *question, e effort) (ServerAnswer, reading) {
	x := &exchange{r: r, w: w, q: q, addr: addr, a: ServerAnswer{Server: server, Addr: addr, Security: SecurityIndeterminate}}
	m, err := x.run(ctx, e)
	if err != nil {
		x.a.Err, x.a.Status = err, statusOf(err)
		x.a.Proto, x.a.RTT = "", 0
		return x.a, reading{}
	}
	x.a.Wire = m.wire
	rd := interpret(&x.a, m, zone, q, r.Forwarding() || q.rd)
	return x.a, rd
}

// dnssec reports whether signatures are wanted: not from recursive servers,
// whose answers are for information only.
func (x *exchange) dnssec() bool { return x.r.Validating() && !x.q.rd }

func (x *exchange) run(ctx context.Context, e effort) (*message, error) {
	wait, tries := x.r.cfg.QueryTimeout, 1
	if e == effortQuick {
		wait = min(wait, quickWait)
	} else {
		tries = max(1, x.r.cfg.Attempts-1) // the last try is part of lastRound
	}
	var err error
	for range tries {
		var m *message
		if m, err = x.settle(ctx, x.udp(ctx, true, wait), true); err == nil || !worthRetry(err) {
			return m, err
		}
	}
	if e == effortQuick {
		return nil, err
	}
	return x.lastRound(ctx)
}

// worthRetry reports whether another datagram may fare better.
func worthRetry(err error) bool {
	switch statusOf(err) {
	case StatusTimeout, StatusUnreachable:
		return !errors.Is(err, ErrBudget) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	}
	return false
}

// datagram is what came of one UDP query.
type datagram struct {
	m   *message
	rtt time.Duration
	bad int
	err error
}

// settle judges the outcome of a UDP query, and goes on over TCP where that
// cannot be believed (truncation, letter case, forged replies), or without
// EDNS where the server says it cannot read it.
func (x *exchange) settle(ctx context.Context, d datagram, edns bool) (*message, error) {
	x.a.BadReplies += d.bad
	x.a.Proto, x.a.RTT = "udp", d.rtt
	switch {
	case errors.Is(d.err, errBare), d.err == nil && d.bad == 0 && edns && ednsRefused(d.m):
		if !edns {
			return nil, d.err
		}
		m, err := x.settle(ctx, x.udp(ctx, false, x.r.cfg.QueryTimeout), false)
		if err == nil && !ednsRefused(m) {
			x.a.EDNSBroken = true
			return m, nil
		}
		if d.m != nil {
			return d.m, nil // what it said first
		}
		return m, err
	case errors.Is(d.err, errTruncated):
		x.a.Truncated = true
		return x.overTCP(ctx, d.err, edns)
	case errors.Is(d.err, errCase), errors.Is(d.err, errMismatch), d.err == nil && d.bad > 0:
		return x.overTCP(ctx, errMismatch, edns)
	}
	return d.m, d.err
}

// ednsRefused reports an answer that may be due to EDNS in the query
// (RFC 6891 section 7, RFC 8906).
func ednsRefused(m *message) bool {
	switch m.rcode {
	case dns.RcodeFormatError, dns.RcodeNotImplemented, dns.RcodeBadVers:
		return true
	case dns.RcodeServerFailure:
		return !m.edns
	}
	return false
}

// overTCP asks again over TCP, which cannot be forged from off the path.
func (x *exchange) overTCP(ctx context.Context, why error, edns bool) (*message, error) {
	m, caseKept, rtt, err := x.tcp(ctx, edns)
	if err != nil {
		x.a.TCPFailed = true
		if errors.Is(why, errMismatch) && statusOf(err) != StatusForbidden {
			// Whoever sent them: there is nothing to believe.
			return nil, fmt.Errorf("%w, and over TCP: %v", errMismatch, err) //nolint:errorlint // err does not decide what this is
		}
		return nil, fmt.Errorf("%w, and over TCP: %w", why, err)
	}
	x.a.Proto, x.a.RTT, x.a.CaseBroken = "tcp", rtt, !caseKept
	return m, nil
}

// lastRound follows time-outs. The three ways are tried at once, so that a
// dead server costs one wait: UDP once more, UDP without EDNS, and TCP.
func (x *exchange) lastRound(ctx context.Context) (*message, error) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	type try struct {
		way exchange
		m   *message
		err error
	}
	const ways = 3
	results := make([]chan try, ways)
	start := func(i int, run func(w *exchange) (*message, error)) {
		results[i] = make(chan try, 1)
		way := exchange{r: x.r, w: x.w, q: x.q, addr: x.addr, a: x.a}
		way.a.BadReplies = 0
		wg.Go(func() {
			m, err := run(&way)
			results[i] <- try{way, m, err}
		})
	}
	wait := x.r.cfg.QueryTimeout
	start(0, func(w *exchange) (*message, error) { return w.settle(ctx, w.udp(ctx, true, wait), true) })
	start(1, func(w *exchange) (*message, error) {
		m, err := w.settle(ctx, w.udp(ctx, false, wait), false)
		w.a.EDNSBroken = true
		return m, err
	})
	start(2, func(w *exchange) (*message, error) {
		m, err := w.overTCP(ctx, errTruncated, true)
		w.a.UDPFailed = true
		return m, err
	})

	// The plain answer counts only if the one with EDNS does not come within
	// a grace: both were sent at the same moment.
	var plain *try
	var grace <-chan time.Time
	var failed error
	bad := 0
	take := func(t try) (*message, error) {
		t.way.a.BadReplies += x.a.BadReplies + bad
		x.a = t.way.a
		return t.m, nil
	}
	for open := ways; open > 0; open-- {
		var t try
		select {
		case t = <-results[0]:
			results[0] = nil
			if t.err == nil {
				return take(t)
			}
			failed = t.err
		case t = <-results[1]:
			results[1] = nil
			if t.err == nil {
				plain = &t
				timer := time.NewTimer(max(wait/4, 2*t.way.a.RTT))
				defer timer.Stop()
				grace = timer.C
				continue
			}
		case t = <-results[2]:
			results[2] = nil
			if t.err == nil {
				if plain != nil { // UDP works, EDNS over UDP does not
					t.way.a.EDNSBroken, t.way.a.UDPFailed = true, false
				}
				return take(t)
			}
		case <-grace:
			return take(*plain)
		}
		bad += t.way.a.BadReplies
	}
	if plain != nil {
		return take(*plain)
	}
	x.a.BadReplies += bad
	if failed == nil {
		failed = errMessage
	}
	return nil, failed
}

// statusOf maps a failed exchange onto its status.
func statusOf(err error) Status {
	var ne net.Error
	switch {
	case errors.Is(err, probe.ErrForbidden):
		return StatusForbidden
	case errors.Is(err, probe.ErrNoRoute):
		return StatusNoRoute
	case errors.Is(err, errMismatch), errors.Is(err, errBare), errors.Is(err, errMessage):
		return StatusMalformed
	case errors.Is(err, ErrBudget), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, os.ErrDeadlineExceeded):
		return StatusTimeout
	case errors.As(err, &ne) && ne.Timeout():
		return StatusTimeout
	}
	return StatusUnreachable
}

// buffers hold one query and one datagram.
var buffers = sync.Pool{New: func() any { return new([maxQuery + 4096]byte) }}

// udp sends one query from a fresh socket, whose random port the kernel picks
// and on which it drops what other addresses send, and reads until the answer
// or the end of the wait.
func (x *exchange) udp(ctx context.Context, edns bool, wait time.Duration) (d datagram) {
	if err := ctx.Err(); err != nil {
		return datagram{err: err}
	}
	if !x.w.take() {
		return datagram{err: ErrBudget}
	}
	conn, err := x.r.cfg.Dialer.Dial(ctx, "udp", x.addr)
	if err != nil {
		return datagram{err: err}
	}
	defer conn.Close()
	buf := buffers.Get().(*[maxQuery + 4096]byte)
	defer buffers.Put(buf)
	query, askedLen := x.q.appendQuery(buf[:0:maxQuery], edns, x.dnssec())
	in := buf[maxQuery:]

	started := time.Now()
	defer bound(ctx, conn, started.Add(wait))()
	if _, err := conn.Write(query); err != nil {
		return datagram{err: ctxError(ctx, err)}
	}
	for d.bad < maxBadReplies {
		n, err := conn.Read(in)
		if err != nil {
			if d.bad > 0 && errors.Is(err, os.ErrDeadlineExceeded) && ended(ctx) == nil {
				err = errMismatch
			}
			d.err = ctxError(ctx, err)
			return d
		}
		d.rtt = time.Since(started)
		switch matches(in[:n], query[:askedLen]) {
		case fitBad:
			d.bad++
			continue
		case fitCase:
			d.bad++
			d.err = errCase
			return d
		case fitBare:
			if d.bad == 0 {
				d.err = errBare
				return d
			}
			d.bad++
			continue
		}
		if truncated(in[:n]) || n > ednsSize {
			d.err = errTruncated
			return d
		}
		m, err := parseMessage(append([]byte(nil), in[:n]...))
		if err != nil {
			d.bad++
			continue
		}
		d.m = m
		return d
	}
	d.err = errMismatch
	return d
}

// tcp asks over a fresh connection. The letter case of the question need not
// be kept there; caseKept tells.
func (x *exchange) tcp(ctx context.Context, edns bool) (m *message, caseKept bool, rtt time.Duration, err error) {
	if !x.w.take() {
		return nil, false, 0, ErrBudget
	}
	started := time.Now()
	deadline := started.Add(x.r.cfg.QueryTimeout)
	dialCtx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	conn, err := x.r.cfg.Dialer.Dial(dialCtx, "tcp", x.addr)
	if err != nil {
		return nil, false, 0, ctxError(ctx, err)
	}
	defer conn.Close()
	defer bound(ctx, conn, deadline)()

	var buf [2 + maxQuery]byte
	query, askedLen := x.q.appendQuery(buf[:2], edns, x.dnssec())
	binary.BigEndian.PutUint16(query, uint16(len(query)-2))
	if _, err := conn.Write(query); err != nil {
		return nil, false, 0, ctxError(ctx, err)
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, false, 0, ctxError(ctx, err)
	}
	in := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, in); err != nil {
		return nil, false, 0, ctxError(ctx, err)
	}
	rtt = time.Since(started)
	f := matches(in, query[2:2+askedLen])
	switch {
	case f == fitBare:
		return nil, false, rtt, errBare
	case f == fitBad:
		return nil, false, rtt, errMismatch
	case truncated(in):
		return nil, false, rtt, fmt.Errorf("%w: truncated over TCP", errMessage)
	}
	m, err = parseMessage(in)
	return m, f == fitExact, rtt, err
}

// bound ends all reads and writes of conn at the deadline, that of ctx, or its
// cancellation. The function returned releases what it holds.
func bound(ctx context.Context, conn net.Conn, deadline time.Time) func() {
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	_ = conn.SetDeadline(deadline) // fails only on a closed connection, as what follows does
	if ctx.Done() == nil {
		return func() {}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}

// ctxError prefers the reason of a cancelled context over the time-out that it
// caused, and leaves out of errors the socket of ours that they name (threat
// T14).
func ctxError(ctx context.Context, err error) error {
	if cause := ended(ctx); cause != nil {
		return cause
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("connection closed: %w", syscall.ECONNRESET)
	}
	if oe, ok := errors.AsType[*net.OpError](err); ok && oe.Source != nil {
		return oe.Err
	}
	return err
}

// ended is ctx.Err, but does not lag behind the deadline: a socket with the
// same deadline may tell first.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d, ok := ctx.Deadline(); ok && !time.Now().Before(d) {
		return context.DeadlineExceeded
	}
	return nil
}
