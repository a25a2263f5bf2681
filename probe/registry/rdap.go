package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe"
	"github.com/zonehold/zonehold/probe/web"
)

// maxHops bounds the redirects of one RDAP question.
const maxHops = 3

// boundRedirects narrows what the client follows: only to the host that was
// asked, or within its registrable domain, at the same port. Anything else
// would be a referral by somebody else than IANA (threats T10, T40).
func boundRedirects(client *http.Client) *http.Client {
	c := *client
	judge := client.CheckRedirect
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if len(via) > maxHops {
			return errManyRedirects
		}
		if slices.ContainsFunc(via, func(r *http.Request) bool { return r.URL.String() == req.URL.String() }) {
			return errCircle
		}
		if !sameOwner(via[0].URL, req.URL) {
			return errForeignRedirect
		}
		if judge != nil {
			return judge(req, via)
		}
		return nil
	}
	return &c
}

var (
	errManyRedirects   = fmt.Errorf("more than %d redirects", maxHops)
	errCircle          = errors.New("redirect in a circle")
	errForeignRedirect = errors.New("redirect to another site")
)

// sameOwner reports whether a URL is a place of the same server or the same
// registrable domain, reached in the same way.
func sameOwner(a, b *url.URL) bool {
	if a.Scheme != b.Scheme || portOf(a) != portOf(b) {
		return false
	}
	if strings.EqualFold(a.Hostname(), b.Hostname()) {
		return true
	}
	from, ok := siteOf(a.Hostname())
	to, same := siteOf(b.Hostname())
	return ok && same && from == to
}

func portOf(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// siteOf is the registrable domain of a host name.
func siteOf(host string) (string, bool) {
	h, err := zonehold.ParseHostname(host)
	if err != nil {
		return "", false
	}
	return h.Registrable()
}

func rdapError(server string, kind, cause error, format string, args ...any) *Error {
	return &Error{Source: SourceRDAP, Server: server, Kind: kind, Err: cause, Reason: fmt.Sprintf(format, args...)}
}

// rdap asks the server that the bootstrap names for the domain; a second URL
// of the same service only if the first gives no usable answer.
func (c *Client) rdap(ctx context.Context, domain string) (*Registration, error) {
	service, err := c.bootstrap.find(domain, c.now())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	for i, base := range service.urls {
		reg, err := c.askRDAP(ctx, base, domain, len(service.urls)-i)
		if service.stale && errors.Is(err, ErrNotRegistered) {
			err = rdapError(hostOf(base), ErrUnavailable, nil, "it denies the domain, but is known only from the copy of %s, so that does not count", service.date.Format(time.DateOnly))
		}
		if err == nil {
			reg.Stale, reg.BootstrapDate = service.stale, service.date
			if service.stale {
				reg.note(fmt.Sprintf("The list of RDAP servers could not be fetched; the copy at hand is of %s.", service.date.Format(time.DateOnly)))
			}
			return reg, nil
		}
		if i == len(service.urls)-1 || errors.Is(err, ErrNotRegistered) || ctx.Err() != nil {
			return nil, err
		}
	}
	return nil, rdapError("", ErrNoService, nil, "no server is known for .%s", topLevel(domain))
}

// askRDAP makes one question of RFC 9082 section 3.1.3, in its share of the
// time.
func (c *Client) askRDAP(ctx context.Context, base *url.URL, domain string, share int) (*Registration, error) {
	if deadline, ok := ctx.Deadline(); ok && share > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(share))
		defer cancel()
	}
	u := base.JoinPath("domain", domain)
	span := probe.TraceFrom(ctx).Start("ask_rdap", u.String())
	reg, err := c.exchangeRDAP(ctx, u, domain)
	if err != nil {
		span.End(false, "%v", err)
		return nil, err
	}
	span.End(true, "registration of %s, %d contacts", reg.Domain, len(reg.Contacts))
	return reg, nil
}

func (c *Client) exchangeRDAP(ctx context.Context, u *url.URL, domain string) (*Registration, error) {
	got, err := c.get(ctx, u)
	if err != nil {
		return nil, err
	}
	switch server := got.server; {
	case got.status == http.StatusNotFound && (got.json || len(bytes.TrimSpace(got.body)) == 0):
		return nil, rdapError(server, ErrNotRegistered, nil, "%s is not registered", domain)
	case got.status == http.StatusTooManyRequests:
		return nil, rdapError(server, ErrUnavailable, nil, "it answers no more questions for now (status 429%s)", got.retry)
	case got.status != http.StatusOK:
		return nil, rdapError(server, ErrUnavailable, nil, "it answers with status %d", got.status)
	case !got.json:
		return nil, rdapError(server, ErrUnavailable, nil, "the answer is not RDAP (media type %q)", got.media)
	}
	reg, err := decodeRDAP(domain, got.body)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.Server = got.server
		}
		return nil, err
	}
	reg.Server, reg.URL, reg.AskedAt = got.server, got.url, c.now().UTC()
	return reg, nil
}

// answer is what an https server said.
type answer struct {
	server, url string
	status      int
	media       string // media type, cleaned
	json        bool   // one of those that RDAP may have
	retry       string // ", again in 60 seconds", if it says so
	body        []byte
}

// get fetches a URL with the bounds of the client and our own.
func (c *Client) get(ctx context.Context, u *url.URL) (*answer, error) {
	server := hostOf(u)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, rdapError(server, ErrUnavailable, err, "its address cannot be asked")
	}
	req.Header.Set("Accept", "application/rdap+json, application/json;q=0.9") // RFC 7480 section 4.2
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, httpError(ctx, server, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRDAP+1))
	switch {
	case len(body) > maxRDAP, errors.Is(err, web.ErrBodyTooLarge):
		return nil, rdapError(server, ErrUnavailable, nil, "the answer is longer than %d KiB", maxRDAP>>10)
	case err != nil:
		return nil, httpError(ctx, server, err)
	}
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		media = ""
	}
	a := &answer{server: hostOf(resp.Request.URL), url: resp.Request.URL.String(), status: resp.StatusCode, media: clean(media), body: body}
	a.json = media == "application/rdap+json" || media == "application/json"
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		a.retry = fmt.Sprintf(", again in %d seconds", s)
	}
	return a, nil
}

// hostOf is the server of a URL as people name it.
func hostOf(u *url.URL) string {
	if p := u.Port(); p != "" && p != "443" {
		return net.JoinHostPort(u.Hostname(), p)
	}
	return u.Hostname()
}

// httpError puts the failure of an exchange into words, and never in those of
// the system: they would hold addresses (threat T14).
func httpError(ctx context.Context, server string, err error) *Error {
	switch {
	case errors.Is(err, probe.ErrForbidden):
		return rdapError(server, ErrForbidden, nil, "%v", ErrForbidden)
	case errors.Is(err, errForeignRedirect):
		return rdapError(server, ErrForbidden, err, "it redirects to another site, which IANA does not name")
	case errors.Is(err, errCircle):
		return rdapError(server, ErrUnavailable, err, "it redirects in a circle")
	case errors.Is(err, errManyRedirects):
		return rdapError(server, ErrUnavailable, err, "it redirects too often")
	case errors.Is(err, web.ErrURL):
		return rdapError(server, ErrForbidden, err, "its URL, or where it redirects to, is not allowed: only https at port 443 is")
	case ctx.Err() != nil, isTimeout(err):
		return rdapError(server, ErrUnavailable, err, "no complete answer in time")
	}
	return rdapError(server, ErrUnavailable, err, "it cannot be reached over https")
}
