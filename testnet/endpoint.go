package testnet

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// endpoint is one public address and port of a host.
type endpoint struct {
	host   *Host
	public netip.AddrPort
	tls    bool
	local  netip.AddrPort
	conf   *tls.Config
}

type certOnce struct {
	once sync.Once
	cert *tls.Certificate
	err  error
}

// addAddress opens the web ports of an address. Call with net.mu held.
func (h *Host) addAddress(a netip.Addr) error {
	h.mu.Lock()
	h.addrs = append(h.addrs, a)
	h.mu.Unlock()
	if err := h.listen(netip.AddrPortFrom(a, h.net.ports.HTTP), false); err != nil {
		return err
	}
	return h.listen(netip.AddrPortFrom(a, h.net.ports.HTTPS), true)
}

func (h *Host) listen(public netip.AddrPort, secure bool) error {
	n := h.net
	if n.closed {
		return net.ErrClosed
	}
	l, err := n.listenTCP(public)
	if err != nil {
		return err
	}
	e := &endpoint{host: h, public: public, tls: secure, local: l.Addr().(*net.TCPAddr).AddrPort()}
	e.conf = &tls.Config{NextProtos: []string{"http/1.1"}, GetCertificate: e.certificate}
	srv := &http.Server{
		Handler:           http.HandlerFunc(e.serve),
		ErrorLog:          log.New(io.Discard, "", 0),
		ReadHeaderTimeout: 30 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return n.ctx },
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		ConnState:         n.connState,
		// Without this map the server would offer HTTP/2.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	h.mu.Lock()
	h.endpoints = append(h.endpoints, e)
	h.mu.Unlock()
	n.closers = append(n.closers, func() { _ = srv.Close() })
	n.running.Add(1)
	go func() {
		defer n.running.Done()
		_ = srv.Serve(&hostListener{Listener: l, endpoint: e})
	}()
	n.route(public, e.route)
	return nil
}

// serve answers one request.
func (e *endpoint) serve(w http.ResponseWriter, r *http.Request) {
	h := e.host
	defer h.net.hijackedEnd(r)
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	h.net.requests.add(Request{
		Time: time.Now(), Server: h.name, Addr: e.public, From: from, IPv6: e.public.Addr().Is6(), TLS: r.TLS != nil,
		Method: r.Method, Host: r.Host, Path: r.URL.RequestURI(), Header: r.Header.Clone(),
	})
	if e.misbehave(w, r) {
		return
	}
	h.mu.RLock()
	auth := h.auth
	h.mu.RUnlock()
	if auth != nil {
		user, password, ok := r.BasicAuth()
		if !ok || user != auth[0] || password != auth[1] {
			w.Header().Set("WWW-Authenticate", `Basic realm="testnet"`)
			http.Error(w, "credentials please", http.StatusUnauthorized)
			return
		}
	}
	h.handlerFor(e, rulePath(r)).ServeHTTP(w, r)
}

type connKey struct{}

// connState counts connections, so that Close can wait for their handlers. A
// new connection is announced while the accepting goroutine still counts.
func (n *Network) connState(c net.Conn, st http.ConnState) {
	switch st {
	case http.StateNew:
		n.running.Add(1)
	case http.StateHijacked:
		n.hijacked.Store(c, true)
	case http.StateClosed:
		n.running.Done()
	}
}

// hijackedEnd counts a hijacked connection off when its handler has ended:
// the HTTP server reports nothing about it any more.
func (n *Network) hijackedEnd(r *http.Request) {
	if _, was := n.hijacked.LoadAndDelete(r.Context().Value(connKey{})); was {
		n.running.Done()
	}
}
