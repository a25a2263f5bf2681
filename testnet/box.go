package testnet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// box is a machine that runs a name server: one name, its addresses, and the
// zones it serves.
type box struct {
	net   *Network
	name  wireName
	title string       // name as people write it
	addrs []netip.Addr // public; guarded by net.mu
	down  atomic.Int32 // servers with FaultUnreachable

	zonesMu sync.RWMutex
	zones   map[wireName]*NameServer
}

// dnsHandler answers one message. The answer goes through send, never, once
// or many times; buf is scratch space for it.
type dnsHandler func(query []byte, c *client) error

// client is where a query came from.
type client struct {
	proto  string
	public netip.AddrPort // the address it was sent to
	from   netip.AddrPort
	buf    []byte             // scratch, reused
	q      question           // likewise
	send   func([]byte) error // only until the handler returns
	later  func(d time.Duration, msg []byte)
	reset  func() // ends a TCP connection with RST
}

// newBox starts a name server with one IPv4 address. Call with n.mu held.
func (n *Network) newBox(name wireName) (*box, error) {
	if b := n.boxes[name]; b != nil {
		return b, nil
	}
	b := &box{net: n, name: name, title: trimDot(name.String()), zones: make(map[wireName]*NameServer)}
	if err := b.addAddress(n.dnsAddr4()); err != nil {
		return nil, err
	}
	n.boxes[name] = b
	return b, nil
}

// addAddress opens one more address of the box. Call with net.mu held.
func (b *box) addAddress(public netip.Addr) error {
	at, err := b.net.listenDNS(netip.AddrPortFrom(public, b.net.ports.DNS), b.handle)
	if err != nil {
		return err
	}
	b.net.route(netip.AddrPortFrom(public, b.net.ports.DNS), func() (netip.AddrPort, bool) {
		if b.down.Load() > 0 {
			return nobody, true
		}
		return at, true
	})
	b.addrs = append(b.addrs, public)
	b.net.byAddr[public] = b
	return nil
}

// serve adds a zone, or replaces it.
func (b *box) serve(apex wireName, s *NameServer) {
	b.zonesMu.Lock()
	defer b.zonesMu.Unlock()
	b.zones[apex] = s
}

func (b *box) zone(apex wireName) *NameServer {
	b.zonesMu.RLock()
	defer b.zonesMu.RUnlock()
	return b.zones[apex]
}

// find returns the server of the deepest zone that holds the name (lower-case
// wire form), or nil.
func (b *box) find(name []byte, above bool) *NameServer {
	b.zonesMu.RLock()
	defer b.zonesMu.RUnlock()
	var found *NameServer
	for i := 0; ; i += int(name[i]) + 1 {
		if s := b.zones[wireName(name[i:])]; s != nil {
			if i > 0 || !above || len(name) == 1 {
				return s
			}
			found = s // DS at the apex: the parent answers, if it is here
		}
		if name[i] == 0 {
			return found
		}
	}
}

// The public addresses are taken one /24 or /48 apart, because limits on the
// checking side count networks.

func (n *Network) dnsAddr4() netip.Addr {
	n.nextDNS++
	if n.onLoopback {
		return loopbackAddr(loopbackDNS, n.nextDNS)
	}
	return netip.AddrFrom4([4]byte{45, byte(n.nextDNS >> 8), byte(n.nextDNS), 53})
}

func (n *Network) dnsAddr6() netip.Addr {
	n.nextDNS++
	return addr6(0x0d, n.nextDNS, 0x53)
}

// webAddr4 and webAddr6 belong to the host numbered nextWeb.
func (n *Network) webAddr4() netip.Addr {
	if n.onLoopback {
		return loopbackAddr(loopbackWeb, n.nextWeb)
	}
	return netip.AddrFrom4([4]byte{46, byte(n.nextWeb >> 8), byte(n.nextWeb), 80})
}

func (n *Network) webAddr6() netip.Addr {
	return addr6(0x0e, n.nextWeb, 0x80)
}

func addr6(kind byte, i int, host byte) netip.Addr {
	return netip.AddrFrom16([16]byte{0x2a, 0x0e, kind, byte(i >> 16), byte(i >> 8), byte(i), 15: host})
}

// listener is a UDP and a TCP socket on the same loopback port.
type listener struct {
	net    *Network
	public netip.AddrPort
	udp    *net.UDPConn
	tcp    *net.TCPListener
	handle dnsHandler

	mu    sync.Mutex
	conns map[*net.TCPConn]bool
}

// listenPair opens UDP and TCP on one loopback port, a free one if it is 0.
func listenPair(want netip.AddrPort) (udp *net.UDPConn, tcp *net.TCPListener, at netip.AddrPort, err error) {
	err = patiently(func() (err error) {
		if tcp, err = net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(want)); err != nil {
			return err
		}
		at = tcp.Addr().(*net.TCPAddr).AddrPort()
		if udp, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at)); err != nil {
			tcp.Close()
		}
		return err
	})
	if err != nil {
		return nil, nil, netip.AddrPort{}, fmt.Errorf("listening on loopback: %w", err)
	}
	return udp, tcp, at, nil
}

// listenDNS starts a DNS listener for a public address. Call with n.mu held.
func (n *Network) listenDNS(public netip.AddrPort, handle dnsHandler) (at netip.AddrPort, err error) {
	if n.closed {
		return at, net.ErrClosed
	}
	udp, tcp, at, err := listenPair(n.behind(public))
	if err != nil {
		return at, err
	}
	l := &listener{
		net: n, public: public, udp: udp, tcp: tcp, handle: handle,
		conns: make(map[*net.TCPConn]bool),
	}
	n.closers = append(n.closers, l.close)
	n.running.Add(2)
	go l.serveUDP()
	go l.serveTCP()
	return at, nil
}

func (l *listener) close() {
	l.udp.Close()
	l.tcp.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.Close()
	}
	l.conns = nil
}

func (l *listener) serveUDP() {
	defer l.net.running.Done()
	in := make([]byte, 4096)
	c := &client{proto: "udp", public: l.public, buf: make([]byte, 0, 65535), reset: func() {}}
	c.send = func(msg []byte) error {
		_, err := l.udp.WriteToUDPAddrPort(msg, c.from)
		return err
	}
	c.later = func(d time.Duration, msg []byte) {
		msg, to := append([]byte(nil), msg...), c.from
		l.net.after(d, func() { _, _ = l.udp.WriteToUDPAddrPort(msg, to) })
	}
	for {
		n, from, err := l.udp.ReadFromUDPAddrPort(in)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an earlier answer
		}
		c.from = from
		_ = l.handle(in[:n], c)
	}
}

// after runs f in d, unless the network closes before.
func (n *Network) after(d time.Duration, f func()) {
	n.running.Add(1)
	go func() {
		defer n.running.Done()
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			f()
		case <-n.ctx.Done():
		}
	}()
}

func (l *listener) serveTCP() {
	defer l.net.running.Done()
	for {
		conn, err := l.tcp.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		l.mu.Lock()
		if l.conns == nil {
			l.mu.Unlock()
			conn.Close()
			return
		}
		l.conns[conn] = true
		l.net.running.Add(1)
		l.mu.Unlock()
		go l.serveConn(conn)
	}
}

func (l *listener) serveConn(conn *net.TCPConn) {
	defer l.net.running.Done()
	defer func() {
		conn.Close()
		l.mu.Lock()
		delete(l.conns, conn)
		l.mu.Unlock()
	}()
	var mu sync.Mutex
	write := func(msg []byte) error {
		mu.Lock()
		defer mu.Unlock()
		out := binary.BigEndian.AppendUint16(make([]byte, 0, len(msg)+2), uint16(len(msg)))
		_, err := conn.Write(append(out, msg...))
		return err
	}
	c := &client{
		proto: "tcp", public: l.public, buf: make([]byte, 0, 65535), send: write,
		from:  conn.RemoteAddr().(*net.TCPAddr).AddrPort(),
		reset: func() { _ = conn.SetLinger(0); conn.Close() },
		later: func(d time.Duration, msg []byte) {
			msg = append([]byte(nil), msg...)
			l.net.after(d, func() { _ = write(msg) })
		},
	}
	var size [2]byte
	in := make([]byte, 0, 512)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(size[:]))
		if cap(in) < n {
			in = make([]byte, 0, n)
		}
		if _, err := io.ReadFull(conn, in[:n]); err != nil {
			return
		}
		if err := l.handle(in[:n], c); err != nil {
			return
		}
	}
}
