package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
)

// APIConfig of a client for the APIs of providers and registries. Zero values
// are usable except Dialer and Resolver.
type APIConfig struct {
	Dialer   *probe.Dialer
	Resolver AddressResolver
	// Configured are the host:ports that the operator wrote into the
	// configuration. They are reached with the system's resolver, without the
	// guard and over plain http as well.
	Configured []string
	// Open are addresses that, if the guard allows them, may be asked at any
	// port and over plain http.
	Open         []netip.Prefix
	Roots        *x509.CertPool // that certificates must chain to; nil: the platform's, SSL_CERT_FILE honoured
	UserAgent    string         // where a request has none; "": APIUserAgent
	Timeout      time.Duration  // whole exchange with redirects and body; 0: 15 s
	MaxRedirects int            // 0: none is followed, the 3xx answer is returned
	MaxHeader    int64          // bytes of one answer's head; 0: 64 KiB
	MaxBody      int64          // bytes; reading beyond them fails with ErrBodyTooLarge; 0: 1 MiB
}

// APIUserAgent is sent to APIs unless the caller says otherwise.
const APIUserAgent = "Zonehold/1.0 (+https://zonehold.invalid/bot)"

var (
	// ErrBodyTooLarge ends the reading of a body at APIConfig.MaxBody.
	ErrBodyTooLarge = errors.New("answer is larger than allowed")
	// ErrURL says that a URL, or the target of a redirect, may not be asked:
	// its scheme, port or host, or a user name in it.
	ErrURL = errors.New("URL not allowed")
)

const (
	apiHandshake = 10 * time.Second
	apiIdle      = 30 * time.Second
	apiPool      = 8 // idle connections kept
)

// NewAPIClient returns a client that speaks HTTP/1.1 to hosts which the
// configuration, a provider or a registry names. It knows no proxy, cookies
// or compression.
//
// Only https on port 443 is spoken, and every address is judged by the guard;
// if it allows a loopback address, or one of APIConfig.Open, that one may be
// asked at any port and over plain http. Configured endpoints have neither limit. Errors about addresses
// that the guard forbids are all the same probe.ErrForbidden (threat T14).
//
// Redirects 301, 302, 307 and 308 of a GET or HEAD are followed up to the
// limit, each judged like a first request. They never lead from https to
// http nor from elsewhere into a configured endpoint, and credentials stay
// with the origin they were given for. Any other 3xx answer is returned.
func NewAPIClient(cfg APIConfig) *http.Client {
	if cfg.UserAgent == "" {
		cfg.UserAgent = APIUserAgent
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.MaxHeader <= 0 {
		cfg.MaxHeader = defaultMaxHeader
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = defaultMaxBody
	}
	a := &apiTransport{cfg: cfg, configured: probe.NewConfigured(cfg.Configured...)}
	var http1 http.Protocols
	http1.SetHTTP1(true)
	a.base = &http.Transport{
		Proxy:                  nil, // threat T8
		DialContext:            a.dialPlain,
		DialTLSContext:         a.dialTLS,
		DisableCompression:     true,
		Protocols:              &http1,
		MaxIdleConns:           apiPool,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        apiIdle,
		MaxResponseHeaderBytes: cfg.MaxHeader,
	}
	return &http.Client{Transport: a, CheckRedirect: a.redirect, Timeout: cfg.Timeout}
}

// apiTransport applies the rules of NewAPIClient around a http.Transport.
type apiTransport struct {
	cfg        APIConfig
	configured *probe.Configured
	base       *http.Transport
}

// CloseIdleConnections is called by the http.Client's method of that name.
func (a *apiTransport) CloseIdleConnections() { a.base.CloseIdleConnections() }

// RoundTrip makes one exchange; a redirect is another.
func (a *apiTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := a.admit(req.URL); err != nil {
		closeBody(req)
		return nil, err
	}
	if req.Header.Get("User-Agent") == "" {
		req = req.Clone(req.Context())
		req.Header.Set("User-Agent", a.cfg.UserAgent)
	}
	span := probe.TraceFrom(req.Context()).Start("request", req.URL.Scheme+"://"+req.URL.Host+req.URL.EscapedPath())
	resp, err := a.base.RoundTrip(req)
	if err != nil {
		span.End(false, "no answer")
		return nil, err
	}
	// A connection that is closed as time is up can still bring what the server
	// says to that: no answer to the request.
	if err := req.Context().Err(); err != nil {
		_ = resp.Body.Close()
		span.End(false, "no answer in time")
		return nil, err
	}
	span.End(true, "%d", resp.StatusCode)
	resp.Body = &boundedBody{body: resp.Body, left: a.cfg.MaxBody, announced: req.Method != http.MethodHead && resp.ContentLength > a.cfg.MaxBody}
	return resp, nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// admit judges a URL before anything is resolved. Whether its port and scheme
// fit is known only with the address.
func (a *apiTransport) admit(u *url.URL) error {
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%w: scheme %s", ErrURL, quote(u.Scheme))
	case u.User != nil:
		return fmt.Errorf("%w: user name in it", ErrURL)
	case len(u.String()) > maxURL:
		return fmt.Errorf("%w: longer than %d bytes", ErrURL, maxURL)
	case a.isConfigured(u):
		return nil
	}
	host := u.Hostname()
	if addr, err := netip.ParseAddr(host); err == nil {
		if a.cfg.Dialer.Guard.Check(addr) != nil {
			return probe.ErrForbidden
		}
		return nil
	}
	if looksLikeAddress(host) {
		return probe.ErrForbidden
	}
	if _, err := zonehold.ParseHostname(host); err != nil {
		return fmt.Errorf("%w: %w", ErrURL, err)
	}
	return nil
}

// endpoint is the host:port that u is reached at.
func endpoint(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = strconv.Itoa(int(defaultPort(u.Scheme)))
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func (a *apiTransport) isConfigured(u *url.URL) bool { return a.configured.Contains(endpoint(u)) }

// redirect is the http.Client's CheckRedirect.
func (a *apiTransport) redirect(req *http.Request, via []*http.Request) error {
	first, from := via[0], via[len(via)-1]
	switch req.Response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return http.ErrUseLastResponse
	}
	if a.cfg.MaxRedirects == 0 || (from.Method != http.MethodGet && from.Method != http.MethodHead) {
		return http.ErrUseLastResponse
	}
	if len(via) > a.cfg.MaxRedirects {
		return fmt.Errorf("%w: more than %d redirects", ErrURL, a.cfg.MaxRedirects)
	}
	if slices.ContainsFunc(via, func(r *http.Request) bool { return r.URL.String() == req.URL.String() }) {
		return fmt.Errorf("%w: redirects in a circle", ErrURL)
	}
	if err := a.admit(req.URL); err != nil {
		return err
	}
	if from.URL.Scheme == "https" && req.URL.Scheme != "https" {
		return fmt.Errorf("%w: redirect from https to http", ErrURL)
	}
	// A stranger must not be able to lead us into what only the operator may
	// name.
	if a.isConfigured(req.URL) && !a.isConfigured(from.URL) {
		return probe.ErrForbidden
	}
	req.Header.Del("Referer")
	if req.URL.Scheme != first.URL.Scheme || endpoint(req.URL) != endpoint(first.URL) {
		req.Header.Del("Authorization")
		req.Header.Del("Cookie")
	}
	return nil
}

// dialPlain connects for http.
func (a *apiTransport) dialPlain(ctx context.Context, _, endpoint string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Timeout)
	defer cancel()
	return a.dial(ctx, "http", endpoint)
}

// dialTLS connects for https.
func (a *apiTransport) dialTLS(ctx context.Context, _, endpoint string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Timeout)
	defer cancel()
	conn, err := a.dial(ctx, "https", endpoint)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	ctx, cancel = context.WithTimeout(ctx, apiHandshake)
	defer cancel()
	span := probe.TraceFrom(ctx).Start("tls", host)
	tc := tls.Client(conn, &tls.Config{
		ServerName: host,
		MinVersion: tls.VersionTLS12,
		RootCAs:    a.cfg.Roots,
		NextProtos: []string{"http/1.1"},
	})
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		span.End(false, "%s", handshakeKind(err))
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	span.End(true, "%s", tls.VersionName(tc.ConnectionState().Version))
	return tc, nil
}

// dial connects to a configured endpoint, or to the first address of each
// family that the guard and the rules about ports allow, IPv6 first.
func (a *apiTransport) dial(ctx context.Context, scheme, endpoint string) (net.Conn, error) {
	if a.configured.Contains(endpoint) {
		span := probe.TraceFrom(ctx).Start("connect", endpoint)
		conn, err := a.configured.DialContext(ctx, "tcp", endpoint)
		span.End(err == nil, "endpoint of the configuration")
		return conn, err
	}
	host, portText, err := net.SplitHostPort(endpoint)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("%w: port %s", ErrURL, quote(portText))
	}
	addrs, err := a.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	try, err := a.candidates(addrs, scheme, uint16(port))
	if err != nil {
		return nil, err
	}
	var failed error
	for i, addr := range try {
		conn, err := a.dialOne(ctx, addr, len(try)-i)
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	return nil, failed
}

// addresses asks for the addresses of host, once.
func (a *apiTransport) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	if a.cfg.Resolver == nil {
		return nil, fmt.Errorf("resolving %s: no resolver", host)
	}
	span := probe.TraceFrom(ctx).Start("resolve_host", host)
	found, err := a.cfg.Resolver.Addrs(ctx, host)
	switch {
	case err != nil:
		err = fmt.Errorf("resolving %s: %w", host, err)
	case len(found.Addrs) == 0 && found.Kind == dns.KindNXDomain:
		err = fmt.Errorf("resolving %s: %w", host, ErrNoSuchHost)
	case len(found.Addrs) == 0:
		err = fmt.Errorf("resolving %s: %w", host, ErrNoRecords)
	}
	if err != nil {
		span.End(false, "no address")
		return nil, err
	}
	addrs := found.Addrs[:min(len(found.Addrs), maxAddrs)]
	span.End(true, "%s", list(addrs))
	return addrs, nil
}

// candidates are the addresses to try: the first of each family that may be
// asked for scheme at port.
func (a *apiTransport) candidates(addrs []netip.Addr, scheme string, port uint16) ([]netip.AddrPort, error) {
	var six, four netip.Addr
	public := false
	for _, addr := range addrs {
		addr = addr.Unmap()
		if a.cfg.Dialer.Guard.Check(addr) != nil {
			continue
		}
		if !addr.IsLoopback() && !a.isOpen(addr) && (scheme != "https" || port != 443) {
			public = true
			continue
		}
		switch {
		case addr.Is4() && !four.IsValid():
			four = addr
		case !addr.Is4() && !six.IsValid():
			six = addr
		}
	}
	var try []netip.AddrPort
	for _, addr := range []netip.Addr{six, four} {
		if addr.IsValid() {
			try = append(try, netip.AddrPortFrom(addr, port))
		}
	}
	switch {
	case len(try) > 0:
		return try, nil
	case public:
		return nil, fmt.Errorf("%w: %s at port %d, only https at port 443 is", ErrURL, scheme, port)
	}
	return nil, probe.ErrForbidden
}

func (a *apiTransport) isOpen(addr netip.Addr) bool {
	return slices.ContainsFunc(a.cfg.Open, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// dialOne makes one connection in its share of the time that is left.
func (a *apiTransport) dialOne(ctx context.Context, addr netip.AddrPort, share int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok && share > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(share))
		defer cancel()
	}
	span := probe.TraceFrom(ctx).Start("connect", addr.String())
	conn, err := a.cfg.Dialer.Dial(ctx, "tcp", addr)
	switch {
	case err == nil:
		span.End(true, "connected")
		return conn, nil
	case errors.Is(err, probe.ErrForbidden):
		err = probe.ErrForbidden
	}
	span.End(false, "%s", dialKind(err))
	return nil, err
}

// boundedBody fails when more is read than allowed, instead of pretending
// that the answer ends there.
type boundedBody struct {
	body      io.ReadCloser
	left      int64
	announced bool // Content-Length says already that it is too much
}

func (b *boundedBody) Close() error { return b.body.Close() }

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.announced || b.left < 0 {
		return 0, ErrBodyTooLarge
	}
	// One byte more than is left tells whether there is more.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n - 1, ErrBodyTooLarge
	}
	return n, err
}
