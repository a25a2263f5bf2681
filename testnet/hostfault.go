package testnet

import (
	"bytes"
	"compress/flate"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// HostFault is one misbehaviour of a web host.
type HostFault string

const (
	HostFaultNone           HostFault = ""
	HostFaultConnectTimeout HostFault = "connect_timeout" // no answer to SYN
	HostFaultRefused        HostFault = "refused"         // nothing listens
	HostFaultReset          HostFault = "reset"           // RST after the first octets
	HostFaultSilent         HostFault = "silent"          // accepts, then says nothing
	HostFaultGarbage        HostFault = "garbage"         // not HTTP, not TLS
	HostFaultSlowHeaders    HostFault = "slow_headers"    // one octet each 100 ms
	HostFaultSlowBody       HostFault = "slow_body"       // one octet each 100 ms
	HostFaultHugeBody       HostFault = "huge_body"       // 256 MiB
	HostFaultGzipBomb       HostFault = "gzip_bomb"       // 200 MiB of zeros, compressed
	HostFaultHugeHeaders    HostFault = "huge_headers"    // 3 MiB
	HostFaultBadEncoding    HostFault = "bad_encoding"    // says gzip, is not
	HostFaultTLSExpired     HostFault = "tls_expired"
	HostFaultTLSWrongName   HostFault = "tls_wrong_name"
	HostFaultTLSSelfSigned  HostFault = "tls_self_signed"
	HostFaultTLSHandshake   HostFault = "tls_handshake" // alert instead of a handshake
	HostFaultTLSAlert       HostFault = "tls_alert"     // answers anything with a TLS alert
	HostFaultHTTP2          HostFault = "http2"         // speaks HTTP/2 to everybody
	HostFaultSwapTLS        HostFault = "swap_tls"      // plain HTTP on 443, TLS on 80
)

type faultRule struct {
	view  View
	fault HostFault
}

// Fault makes the host misbehave until called with HostFaultNone.
func (h *Host) Fault(f HostFault) *Host {
	h.View.Fault(f)
	return h
}

// Fault is Host.Fault for this part of the host. A fault of a narrower view
// wins over that of a wider one.
func (v View) Fault(f HostFault) View {
	if f == HostFaultRefused || f == HostFaultConnectTimeout {
		v.h.net.needsRoute("unreachable hosts")
	}
	v.h.mu.Lock()
	defer v.h.mu.Unlock()
	kept := v.h.faults[:0:0]
	for _, r := range v.h.faults {
		if r.view != v {
			kept = append(kept, r)
		}
	}
	v.h.faults = append(kept, faultRule{v, f})
	return v
}

func (e *endpoint) fault() HostFault {
	e.host.mu.RLock()
	defer e.host.mu.RUnlock()
	f, score := HostFaultNone, -1
	for _, r := range e.host.faults {
		if s := r.view.narrowness(); r.view.fits(e) && s >= score {
			f, score = r.fault, s
		}
	}
	return f
}

// route is where connections to the endpoint go now.
func (e *endpoint) route() (netip.AddrPort, bool) {
	switch e.fault() {
	case HostFaultRefused:
		return nobody, true
	case HostFaultConnectTimeout:
		return e.host.net.blackhole(), true
	}
	return e.local, true
}

// nobody is a loopback port where nothing listens (tcpmux, RFC 1078).
var nobody = netip.MustParseAddrPort("127.0.0.1:1")

// certificate is what the endpoint shows in its handshake.
func (e *endpoint) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	flaw := certGood
	switch e.fault() {
	case HostFaultTLSExpired:
		flaw = certExpired
	case HostFaultTLSWrongName:
		flaw = certWrongName
	case HostFaultTLSSelfSigned:
		flaw = certSelfSigned
	case HostFaultTLSHandshake:
		return nil, fmt.Errorf("no certificate by order")
	}
	h := e.host
	h.mu.Lock()
	c := h.certs[flaw]
	if c == nil {
		c = &certOnce{}
		h.certs[flaw] = c
	}
	h.mu.Unlock()
	c.once.Do(func() { c.cert, c.err = h.net.ca.issue(h.name, flaw) })
	return c.cert, c.err
}

// hostListener applies the faults that come before HTTP.
type hostListener struct {
	net.Listener
	endpoint *endpoint
}

// Accept returns the next connection that is to be served.
func (l *hostListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		secure := l.endpoint.tls
		n := l.endpoint.host.net
		switch l.endpoint.fault() {
		case HostFaultReset:
			n.hold(conn, nil, sendReset)
			continue
		case HostFaultSilent:
			n.hold(conn, nil, stayOpen)
			continue
		case HostFaultGarbage:
			n.hold(conn, []byte("220 mail.testnet ESMTP ready\r\n"), stayOpen)
			continue
		case HostFaultTLSAlert:
			n.hold(conn, tlsAlert, hangUp)
			continue
		case HostFaultHTTP2:
			n.hold(conn, http2Refusal, hangUp)
			continue
		case HostFaultSwapTLS:
			secure = !secure
		}
		if secure {
			return tls.Server(conn, l.endpoint.conf), nil
		}
		return conn, nil
	}
}

var (
	// tlsAlert is fatal, unexpected_message (RFC 8446 section 6).
	tlsAlert = []byte{0x15, 3, 1, 0, 2, 2, 10}
	// http2Refusal is an empty SETTINGS frame and a GOAWAY with PROTOCOL_ERROR
	// (RFC 9113 section 3.4).
	http2Refusal = []byte{0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
)

// ending is what a connection comes to.
type ending int

const (
	stayOpen ending = iota // until the client leaves or the network closes
	hangUp
	sendReset
)

// hold waits for the client's first octets, says something and ends.
func (n *Network) hold(conn net.Conn, say []byte, end ending) {
	n.running.Add(1)
	go func() {
		defer n.running.Done()
		defer conn.Close()
		stop := closeOn(n.ctx, conn)
		defer stop()
		var buf [512]byte
		if _, err := conn.Read(buf[:]); err != nil {
			return
		}
		tcp := conn.(*net.TCPConn)
		if end == sendReset {
			_ = tcp.SetLinger(0)
			return
		}
		_, _ = conn.Write(say)
		if end == hangUp {
			// Only this side: a full close with unread input would reset.
			_ = tcp.CloseWrite()
		}
		_, _ = io.Copy(io.Discard, conn)
	}()
}

const (
	trickle     = 100 * time.Millisecond
	hugeBody    = 256 << 20
	hugeHeaders = 3 << 20
)

// bomb is 200 MiB of zeros in one gzip member of some 200 KiB. It is made
// once, from one compressed MiB repeated: blocks that refer to nothing before
// them can stand anywhere in the stream (RFC 1951 section 2).
var bomb = sync.OnceValue(func() []byte {
	const mebi = 200
	zeros := make([]byte, 1<<20)
	var block, out bytes.Buffer
	w, _ := flate.NewWriter(&block, flate.BestCompression)
	_, _ = w.Write(zeros)
	_ = w.Flush()
	out.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}) // RFC 1952 section 2.3
	sum := crc32.NewIEEE()
	for range mebi {
		out.Write(block.Bytes())
		_, _ = sum.Write(zeros)
	}
	out.Write([]byte{1, 0, 0, 0xff, 0xff}) // an empty last block
	tail := binary.LittleEndian.AppendUint32(nil, sum.Sum32())
	out.Write(binary.LittleEndian.AppendUint32(tail, mebi<<20))
	return out.Bytes()
})

// misbehave answers a request with the endpoint's fault, if it has one.
func (e *endpoint) misbehave(w http.ResponseWriter, r *http.Request) bool {
	switch e.fault() {
	case HostFaultSlowHeaders:
		e.trickle(w, "", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
	case HostFaultSlowBody:
		e.trickle(w, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n", strings.Repeat("x", 1000))
	case HostFaultHugeBody:
		w.Header().Set("Content-Type", "text/plain")
		chunk := bytes.Repeat([]byte("x"), 1<<16)
		for sent := 0; sent < hugeBody && r.Context().Err() == nil; sent += len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				break
			}
		}
	case HostFaultGzipBomb:
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb())
	case HostFaultHugeHeaders:
		for i := range hugeHeaders / 1024 {
			w.Header().Set(fmt.Sprintf("X-Filler-%d", i), strings.Repeat("y", 1000))
		}
	case HostFaultBadEncoding:
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write([]byte("<html>this is no gzip</html>"))
	default:
		return false
	}
	return true
}

// trickle sends the start at once and the rest octet by octet.
func (e *endpoint) trickle(w http.ResponseWriter, start, rest string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(start))
	t := time.NewTicker(trickle)
	defer t.Stop()
	for i := range len(rest) {
		select {
		case <-t.C:
		case <-e.host.net.ctx.Done():
			return
		}
		if _, err := conn.Write([]byte{rest[i]}); err != nil {
			return
		}
	}
}
