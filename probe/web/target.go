package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/zonehold/zonehold"
)

// maxURL bounds a URL and a Location, in bytes (Boulder bounds the path of a
// redirect alike).
const maxURL = 2000

// isRedirect says which statuses are followed. 300, 303 to 306 are answers.
func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// refusal is why a URL may not be contacted, in the words of a redirect.
type refusal struct {
	kind ErrorKind
	err  error
}

func refuse(kind ErrorKind, format string, args ...any) *refusal {
	return &refusal{kind: kind, err: fmt.Errorf(format, args...)}
}

// firstURL is the URL of a request in the form that is sent and compared. The
// error never repeats a password that stood in the URL.
func (c *Client) firstURL(req *Request) (*url.URL, *Error) {
	u, err := parseURL(req.URL)
	if err != nil {
		return nil, &Error{Kind: KindBadURL, Err: err}
	}
	shown := *u
	shown.User = nil
	bad := func(err error) (*url.URL, *Error) {
		return nil, &Error{Kind: KindBadURL, URL: shown.String(), Err: err}
	}
	if !u.IsAbs() {
		return bad(errors.New("not an absolute URL"))
	}
	host, no := admitHost(u)
	if no != nil {
		return bad(no.err)
	}
	port, no := c.admitPort(u, true, req.ExtraPort)
	if no != nil {
		return bad(no.err)
	}
	return canonical(u, host, port), nil
}

// redirect is the URL that the answer at from leads to, or why it is not
// followed (threat T3). The checks go from what makes the target unreadable to
// what makes it unwanted, so that the person learns the first true cause.
func (c *Client) redirect(req *Request, first, from *url.URL, header http.Header) (*url.URL, *Error) {
	fail := func(no *refusal) (*url.URL, *Error) {
		return nil, &Error{Kind: no.kind, URL: from.String(), Err: no.err}
	}
	to, no := location(from, header)
	if no != nil {
		return fail(no)
	}
	if missingSlash(from, to.Hostname()) {
		return fail(refuse(KindRedirectMissingSlash, "the path is glued to the host %s", quote(to.Hostname())))
	}
	host, no := admitHost(to)
	if no != nil {
		return fail(no)
	}
	allow := req.Redirect
	if allow == nil {
		allow = sameSite
	}
	before, asked := *from, *to // copies: the policy is foreign code
	asked.Host = host
	if p := to.Port(); p != "" {
		asked.Host += ":" + p
	}
	if err := allow(&before, &asked); err != nil {
		return fail(&refusal{kind: KindRedirectOffSite, err: err})
	}
	port, no := c.admitPort(to, host == first.Hostname(), req.ExtraPort)
	if no != nil {
		return fail(no)
	}
	next := canonical(to, host, port)
	if len(next.String()) > maxURL {
		return fail(refuse(KindRedirectBad, "target longer than %d bytes", maxURL))
	}
	return next, nil
}

// location resolves the Location of an answer against its URL.
func location(from *url.URL, header http.Header) (*url.URL, *refusal) {
	values := header.Values("Location")
	if len(values) == 0 || values[0] == "" {
		return nil, refuse(KindRedirectBad, "no Location")
	}
	if len(slices.Compact(slices.Clone(values))) > 1 {
		return nil, refuse(KindRedirectBad, "several Locations")
	}
	ref, err := parseURL(values[0])
	if err != nil {
		return nil, &refusal{kind: KindRedirectBad, err: err}
	}
	if s := strings.ToLower(ref.Scheme); s != "" && s != "http" && s != "https" {
		return nil, refuse(KindRedirectScheme, "scheme %s", quote(ref.Scheme))
	}
	if ref.Opaque != "" || (ref.Scheme != "" && ref.Host == "") {
		return nil, refuse(KindRedirectBad, "no host in Location")
	}
	to := from.ResolveReference(ref)
	to.Scheme = strings.ToLower(to.Scheme)
	return to, nil
}

// parseURL also refuses what browsers and servers read in different ways. Its
// errors do not repeat the text, nor a piece of it: there may be a password.
func parseURL(raw string) (*url.URL, error) {
	if len(raw) > maxURL {
		return nil, fmt.Errorf("longer than %d bytes", maxURL)
	}
	if strings.ContainsRune(raw, '\\') {
		return nil, errors.New("backslash in URL")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	return u, nil
}

// admitHost checks everything of u but its port, and returns its host in
// canonical form.
func admitHost(u *url.URL) (string, *refusal) {
	if u.Scheme != "http" && u.Scheme != "https" {
		return "", refuse(KindRedirectScheme, "scheme %s", quote(u.Scheme))
	}
	if u.User != nil {
		return "", refuse(KindRedirectBad, "user name in URL")
	}
	if u.Opaque != "" || u.Host == "" {
		return "", refuse(KindRedirectBad, "no host in URL")
	}
	if looksLikeAddress(u.Hostname()) {
		return "", refuse(KindRedirectOffSite, "the host is an address, not a name")
	}
	host, err := zonehold.ParseHostname(u.Hostname())
	if err != nil {
		return "", &refusal{kind: KindRedirectBad, err: err}
	}
	return string(host), nil
}

// looksLikeAddress tells addresses, and the numeric forms that some programs
// take for one: 127.1, 2130706433, 0x7f000001 (threat T6).
func looksLikeAddress(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil || strings.Contains(host, ":") {
		return true
	}
	var he *zonehold.HostnameError
	_, err := zonehold.ParseHostname(host)
	return errors.As(err, &he) && he.Reason == "ip_address"
}

// admitPort is the port u is fetched at. A URL without a port means the
// scheme's, or what stands in for it. The extra port belongs to one host.
func (c *Client) admitPort(u *url.URL, ownHost bool, extra uint16) (uint16, *refusal) {
	port := defaultPort(u.Scheme)
	if s := u.Port(); s != "" {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil || n == 0 {
			return 0, refuse(KindRedirectPort, "port %s", quote(s))
		}
		port = uint16(n)
	}
	switch {
	case slices.Contains(c.cfg.Ports, port), ownHost && extra != 0 && port == extra:
		return port, nil
	case port == defaultPort(u.Scheme):
		return c.standIn(u.Scheme), nil
	}
	return 0, refuse(KindRedirectPort, "port %d is not allowed", port)
}

// canonical is u with the checked host and port, without fragment and with a
// path: the form in which URLs are sent and compared.
func canonical(u *url.URL, host string, port uint16) *url.URL {
	out := *u
	out.User = nil
	out.Host = hostPort(u.Scheme, host, port)
	out.Fragment, out.RawFragment = "", ""
	out.RawQuery = escapeQuery(u.RawQuery)
	if out.Path == "" {
		out.Path, out.RawPath = "/", ""
	}
	return &out
}

// escapeQuery writes in percent form what has no place in a query (RFC 3986
// section 3.4) and which net/url lets pass: a space would end the target in
// the request line.
func escapeQuery(q string) string {
	const fine = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/?%[]|{}^"
	if strings.Trim(q, fine) == "" {
		return q
	}
	var b strings.Builder
	for _, c := range []byte(q) {
		if strings.IndexByte(fine, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// sameSite is the default redirect policy: the registrable domain stays the
// same (threat T31).
func sameSite(from, to *url.URL) error {
	a, b := registrable(from.Hostname()), registrable(to.Hostname())
	if a != b {
		return fmt.Errorf("%s is another site than %s", quote(b), quote(a))
	}
	return nil
}

// registrable is the part of host that one owner holds, by the public suffix
// list with its private section, so that a.github.io and b.github.io differ.
// Under a top-level domain that is not listed the list's default rule "*"
// applies: the last two labels. A host that is itself a public suffix stands
// for itself alone.
func registrable(host string) string {
	if d, ok := zonehold.Hostname(host).Registrable(); ok {
		return d
	}
	return host
}

// missingSlash tells the rewrite rule that lacks a slash: the path asked for
// continues the host name, as in https://example.com.well-known/x (cause F61).
func missingSlash(from *url.URL, host string) bool {
	host = strings.ToLower(host)
	if strings.HasSuffix(host, ".well-known") {
		return true
	}
	segment, _, _ := strings.Cut(strings.TrimPrefix(from.Path, "/"), "/")
	if len(segment) < 8 { // a short one may end a name by chance
		return false
	}
	rest, ok := strings.CutSuffix(host, strings.ToLower(segment))
	if !ok {
		return false
	}
	name, err := zonehold.ParseHostname(rest)
	return err == nil && registrable(string(name)) == registrable(from.Hostname())
}
