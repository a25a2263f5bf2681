// Package web fetches pages and files from hosts that strangers name: pinned
// addresses, the guard on every hop, limits on everything.
//
// It writes its own HTTP/1.1 requests on connections of probe.Dialer and reads
// the answers with net/http's parser. There is no pool, no proxy, no cookie
// jar, no HTTP/2 and no hidden retry, so what a Fetch records is what happened.
package web

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/dns"
)

// AddressResolver finds the addresses of a host. *dns.Resolver is one.
type AddressResolver interface {
	Addrs(ctx context.Context, host string) (*dns.Addresses, error)
}

// Config of a Client. Zero values are usable except Dialer and Resolver.
type Config struct {
	Dialer       *probe.Dialer
	Resolver     AddressResolver
	RootCAs      *x509.CertPool // that certificates must chain to; nil: the platform's, SSL_CERT_FILE honoured
	Ports        []uint16       // allowed; nil: 80, 443. Without 80 the first stands in for http; without 443 the next one (or the only one) for https
	UserAgent    string         // "": DefaultUserAgent
	Timeout      time.Duration  // whole fetch with redirects; 0: 15 s
	MaxRedirects int            // 0: 5
	MaxHeader    int64          // bytes of one answer's head, 1xx answers included; 0: 64 KiB
	MaxBody      int64          // bytes after decompression; 0: 1 MiB
}

// Request is one fetch.
type Request struct {
	URL       string
	ExtraPort uint16 // a domain's own port, allowed beside Config.Ports
	MaxBody   int64  // 0: the client's
	// Redirect is asked for every hop; nil allows same registrable domain
	// only. An error of it ends the fetch with KindRedirectOffSite.
	Redirect func(from, to *url.URL) error
	// Basic credentials go only to the exact scheme, host and port of URL and
	// never after a redirect (threat T13).
	BasicUser, BasicPassword string
	UserAgent                string     // overrides the client's (diagnosis only)
	Compressed               bool       // offer gzip and deflate: for pages, not for files
	Addr                     netip.Addr // pin the first hop to this one address
}

// Fetch is everything seen, also when it failed half-way.
type Fetch struct {
	Hops     []Hop // at least one
	Status   int   // of the last hop; 0 if none answered
	Header   http.Header
	Body     []byte // decoded, at most MaxBody; empty for a redirect that was not followed
	BodyRaw  int64  // bytes of the body as they were sent, before decompression
	TooLarge bool   // body went on beyond MaxBody
	Encoding string // Content-Encoding that was undone, if any: "gzip" or "deflate"
	Err      *Error // nil: an HTTP answer came whole, whatever its status
	Duration time.Duration
}

// URL of the last hop.
func (f *Fetch) URL() string { return f.Hops[len(f.Hops)-1].URL }

// Hop is one request of a fetch.
type Hop struct {
	URL      string
	Aliases  []string     // names that the host is an alias of, in order
	Addrs    []netip.Addr // resolved, at most 32
	Addr     netip.Addr   // connected
	Failed   []AddrError  // not contacted because forbidden, or tried before Addr, e.g. a dead IPv6
	Status   int
	Location string // as sent, cut at 2000 bytes
	TLS      *TLSInfo
	Header   http.Header
	Duration time.Duration
}

// AddrError is a failed address of a hop.
type AddrError struct {
	Addr netip.Addr
	Err  *Error
}

// TLSInfo records the handshake, also one whose certificate was refused.
type TLSInfo struct {
	Version   string // "TLS 1.3"
	Cipher    string
	ALPN      string
	Subject   string
	Issuer    string
	DNSNames  []string // at most 100
	NotBefore time.Time
	NotAfter  time.Time
	SHA256    string   // of the leaf, hex
	Chain     [][]byte // DER as sent, at most 10
}

// ErrorKind is the typed reason of a failed fetch.
type ErrorKind string

const (
	KindBadURL               ErrorKind = "bad_url"           // of the request itself; nothing was contacted
	KindDNS                  ErrorKind = "dns"               // names could not be resolved; Err has the cause
	KindNoAddress            ErrorKind = "no_address"        // no A or AAAA; ErrNoSuchHost if not even the name
	KindForbiddenAddress     ErrorKind = "forbidden_address" // only addresses that the guard forbids
	KindNoRoute              ErrorKind = "no_route"          // this machine cannot reach the family
	KindConnectTimeout       ErrorKind = "connect_timeout"
	KindConnectRefused       ErrorKind = "connect_refused" // RST, or a router says that the host is unreachable
	KindReset                ErrorKind = "reset"           // connected, then closed or reset before the end
	KindTimeout              ErrorKind = "timeout"         // connected, then too slow
	KindTLSName              ErrorKind = "tls_name"
	KindTLSExpired           ErrorKind = "tls_expired"
	KindTLSUntrusted         ErrorKind = "tls_untrusted"
	KindTLS                  ErrorKind = "tls"                // any other handshake failure
	KindHTTPOnHTTPS          ErrorKind = "http_on_https_port" // plain HTTP where TLS was expected
	KindHTTPSOnHTTP          ErrorKind = "https_on_http_port"
	KindProtocol             ErrorKind = "protocol" // not HTTP/1.0 or 1.1; Err may be ErrHTTP2
	KindHeaderTooLarge       ErrorKind = "header_too_large"
	KindRedirectOffSite      ErrorKind = "redirect_off_site"
	KindRedirectLoop         ErrorKind = "redirect_loop"
	KindTooManyRedirects     ErrorKind = "too_many_redirects"
	KindRedirectScheme       ErrorKind = "redirect_scheme"
	KindRedirectPort         ErrorKind = "redirect_port"
	KindRedirectBad          ErrorKind = "redirect_bad"           // no or unusable Location, userinfo, too long
	KindRedirectMissingSlash ErrorKind = "redirect_missing_slash" // host ends in ".well-known" or the like
	KindEncoding             ErrorKind = "encoding"               // Content-Encoding broken or unknown
)

// ErrNoSuchHost and ErrNoRecords say which KindNoAddress it is.
var (
	ErrNoSuchHost = errors.New("the name does not exist")
	ErrNoRecords  = errors.New("the name has neither A nor AAAA records")
)

// Error is why a fetch failed, at its last hop.
type Error struct {
	Kind ErrorKind
	URL  string
	Addr netip.Addr // invalid if before connect
	Err  error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return string(e.Kind) + " at " + e.URL
	}
	return string(e.Kind) + " at " + e.URL + ": " + e.Err.Error()
}

// Unwrap also works on nil, so that errors.Is may be asked of any Fetch.Err.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}
