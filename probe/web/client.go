package web

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zonehold/zonehold/probe"
)

// DefaultUserAgent is sent unless Config or Request says otherwise. It names
// the product and begins as browsers do, because some filters drop the rest.
const DefaultUserAgent = "Mozilla/5.0 (compatible; Zonehold/1.0; +https://zonehold.invalid/bot)"

const (
	defaultTimeout      = 15 * time.Second
	defaultMaxRedirects = 5
	defaultMaxHeader    = 64 << 10
	defaultMaxBody      = 1 << 20

	maxAddrs = 32 // kept of one host
	maxEach  = 8  // addresses compared by FetchEach
)

// Client fetches. Safe for concurrent use; keeps no connections, cookies or
// caches, and reads no proxy settings.
type Client struct{ cfg Config }

// New returns a client.
func New(cfg Config) *Client {
	if len(cfg.Ports) == 0 {
		cfg.Ports = []uint16{80, 443}
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = DefaultUserAgent
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.MaxRedirects <= 0 {
		cfg.MaxRedirects = defaultMaxRedirects
	}
	if cfg.MaxHeader <= 0 {
		cfg.MaxHeader = defaultMaxHeader
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = defaultMaxBody
	}
	return &Client{cfg: cfg}
}

// Fetch gets one URL. It never returns nil and never panics.
//
// The host is resolved once per hop and only addresses from that answer are
// contacted, IPv6 first, with one fallback to IPv4 when the connection fails.
// The guard judges every address; those it forbids are recorded in
// Hop.Failed and never contacted. Redirects 301, 302, 307 and 308 are
// followed under the same rules; any other status is the final answer.
//
// After an error in the middle of a body, Status, Header and the part of the
// body that came are kept beside Err.
func (c *Client) Fetch(ctx context.Context, req Request) *Fetch {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	f := &Fetch{}
	f.Err = c.follow(ctx, &req, f)
	f.Duration = time.Since(start)
	return f
}

// follow makes the hops of one fetch.
func (c *Client) follow(ctx context.Context, req *Request, f *Fetch) *Error {
	first, err := c.firstURL(req)
	if err != nil {
		f.Hops = []Hop{{URL: err.URL}}
		return err
	}
	seen := make(map[string]bool, 1)
	for u := first; ; {
		seen[u.String()] = true
		f.Hops = append(f.Hops, Hop{URL: u.String()})
		hop := &f.Hops[len(f.Hops)-1]
		began := time.Now()
		err := c.hop(ctx, req, u, f, hop)
		hop.Duration = time.Since(began)
		if err != nil || !isRedirect(hop.Status) {
			return err
		}
		span := probe.TraceFrom(ctx).Start("redirect", hop.URL)
		next, err := c.redirect(req, first, u, hop.Header)
		switch {
		case err != nil:
		case seen[next.String()]:
			err = &Error{Kind: KindRedirectLoop, URL: hop.URL}
		case len(f.Hops) > c.cfg.MaxRedirects:
			err = &Error{Kind: KindTooManyRedirects, URL: hop.URL}
		}
		if err != nil {
			err.Addr = hop.Addr
			span.End(false, "%s: %d to %s", err.Kind, hop.Status, quote(hop.Location))
			return err
		}
		span.End(true, "%d to %s", hop.Status, next)
		u = next
	}
}

// FetchEach gets the same URL once from each address of its host (at most
// 8), for comparison. The fetches carry the pinned address. The host is
// resolved once; when that fails the result is one failed fetch.
func (c *Client) FetchEach(ctx context.Context, req Request) []*Fetch {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	start := time.Now()
	u, err := c.firstURL(&req)
	if err != nil {
		return []*Fetch{{Hops: []Hop{{URL: err.URL}}, Err: err}}
	}
	hop := Hop{URL: u.String()}
	if err := c.resolve(ctx, u, &hop); err != nil {
		hop.Duration = time.Since(start)
		return []*Fetch{{Hops: []Hop{hop}, Err: err, Duration: hop.Duration}}
	}
	addrs := hop.Addrs[:min(len(hop.Addrs), maxEach)]
	fetches := make([]*Fetch, len(addrs))
	var wg sync.WaitGroup
	for i, addr := range addrs {
		wg.Go(func() {
			r := req
			r.Addr = addr
			fetches[i] = c.Fetch(ctx, r)
			fetches[i].Hops[0].Aliases = hop.Aliases
		})
	}
	wg.Wait()
	return fetches
}

// URLFor builds the URL at which scheme reaches host and path: the scheme's
// default port, the domain's own (if port is not 0), or the stand-in of
// Config.Ports. The default port of the scheme is not printed.
func (c *Client) URLFor(scheme, host string, port uint16, path string) string {
	if port == 0 {
		port = c.standIn(scheme)
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return scheme + "://" + hostPort(scheme, host, port) + path
}

// standIn is the port at which scheme is reached when none is named.
func (c *Client) standIn(scheme string) uint16 {
	http := portOf(c.cfg.Ports, 80, 443)
	if scheme == "http" {
		return http
	}
	return portOf(c.cfg.Ports, 443, http)
}

// portOf returns want if it is in ports, else the first port that is not
// taken, else the only one there is.
func portOf(ports []uint16, want, taken uint16) uint16 {
	if slices.Contains(ports, want) {
		return want
	}
	for _, p := range ports {
		if p != taken {
			return p
		}
	}
	return ports[0]
}

func defaultPort(scheme string) uint16 {
	if scheme == "https" {
		return 443
	}
	return 80
}

// hostPort prints host with port unless it is the scheme's default.
func hostPort(scheme, host string, port uint16) string {
	if port == defaultPort(scheme) {
		return host
	}
	return host + ":" + strconv.Itoa(int(port))
}

// portNumber is the port that u is reached at; u has been admitted, so a
// printed port is a number.
func portNumber(u *url.URL) uint16 {
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return defaultPort(u.Scheme)
	}
	return uint16(n)
}

// quote makes foreign text fit for a trace or an error text.
func quote(s string) string {
	if len(s) > 200 {
		return strconv.QuoteToASCII(s[:200]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
