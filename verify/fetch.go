package verify

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
)

// schemes are the ones to try, in order.
func (c Claim) schemes() []string {
	if c.Scheme != "" {
		return []string{c.Scheme}
	}
	return []string{"https", "http"}
}

// URLs are where path is looked for, in order.
func (c Claim) URLs(kit *Kit, path string) []string {
	var out []string
	for _, s := range c.schemes() {
		out = append(out, urlFor(kit, s, c, path))
	}
	return out
}

func urlFor(kit *Kit, scheme string, c Claim, path string) string {
	if kit != nil && kit.Web != nil {
		return kit.Web.URLFor(scheme, string(c.Hostname), c.Port, path)
	}
	port := ""
	if c.Port != 0 && !(scheme == "https" && c.Port == 443) && !(scheme == "http" && c.Port == 80) {
		port = ":" + strconv.Itoa(int(c.Port))
	}
	return scheme + "://" + string(c.Hostname) + port + path
}

// Request is the fetch of a URL as a check makes it. The credentials of the
// claim go to its own host, scheme and port only (threat T13): a diagnosis also
// asks where redirects led.
func (c Claim) Request(u string) web.Request {
	r := web.Request{URL: u, ExtraPort: c.Port}
	to, err := url.Parse(u)
	// A claim without a scheme gives its credentials away only over https:
	// whoever blocks port 443 must not read them on port 80 (threat T13).
	scheme := c.Scheme
	if scheme == "" {
		scheme = "https"
	}
	if err == nil && to.Hostname() == string(c.Hostname) && to.Scheme == scheme && (c.Port == 0 || portOf(to) == c.Port) {
		r.BasicUser, r.BasicPassword = c.BasicUser, c.BasicPassword
	}
	return r
}

// portOf is the port of a URL, the scheme's default if it names none.
func portOf(u *url.URL) uint16 {
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case err == nil:
		return uint16(n)
	case u.Scheme == "https":
		return 443
	}
	return 80
}

// webCheck is what differs between the methods that fetch.
type webCheck struct {
	path string
	// judge looks at an answer with status 200. A nil finding: the proof is
	// there, with notes. Otherwise the outcome and its reason.
	judge func(f *web.Fetch, facts problem.Facts) (notes []Finding, outcome zonehold.Outcome, no *Finding)
	// soft reports whether the answer for the decoy path shows that the server
	// says the same to everything. Nil: there is no decoy for this method.
	soft func(proof, decoy *web.Fetch, decoyPath string) bool
}

// request is the fetch of a URL by this check.
func (w webCheck) request(c Claim, u string) web.Request {
	req := c.Request(u)
	req.Compressed = w.soft == nil // pages may come packed, files may not
	return req
}

// try is one URL that was asked.
type try struct {
	fetch   *web.Fetch
	outcome zonehold.Outcome
	no      *Finding
	notes   []Finding
}

// run fetches the candidates until one proves the claim.
func (w webCheck) run(ctx context.Context, kit *Kit, c Claim, ch zonehold.Challenge) Result {
	r := Result{Method: ch.Method}
	urls := c.URLs(kit, w.path)
	var tries []try
	for i, u := range urls {
		t := w.one(ctx, kit, c, ch, u, len(urls)-i, &r.Evidence)
		tries = append(tries, t)
		if t.outcome == zonehold.OutcomeVerified {
			r.Outcome, r.Notes = t.outcome, append(t.notes, aliasNotes(c, FetchFacts(ChallengeFacts(ch, c), t.fetch), t.fetch)...)
			for _, earlier := range tries[:i] {
				if earlier.fetch.Status != 0 {
					f := with(ChallengeFacts(ch, c), problem.FactURL, earlier.fetch.Hops[0].URL, problem.FactWhere, u, problem.FactStatus, strconv.Itoa(earlier.fetch.Status))
					r.Notes = append(r.Notes, Finding{"http_https_differ", f})
				}
			}
			return r
		}
		if ctx.Err() != nil || t.hopeless() {
			break
		}
	}
	best := tries[0]
	for _, t := range tries[1:] {
		if telling(t) > telling(best) {
			best = t
		}
	}
	r.Outcome, r.Problem, r.Notes = best.outcome, best.no, best.notes
	for _, t := range tries {
		if r.Outcome != zonehold.OutcomeRefused && couldNotAsk(t) && r.Outcome != zonehold.OutcomeInconclusive {
			// The other URL might hold the proof: no grace clock may start.
			r.Outcome = zonehold.OutcomeInconclusive
		}
		if t.fetch != best.fetch && t.no != nil && t.no.Code != best.no.Code && t.fetch.Status != 0 {
			r.Notes = append(r.Notes, *t.no)
		}
	}
	for _, n := range aliasNotes(c, FetchFacts(ChallengeFacts(ch, c), tries[0].fetch), r.Evidence.Fetches...) {
		switch {
		case n.Code == "http_alias_elsewhere": // which is nothing unusual
		case forAnybody(ctx, kit, c, r.Evidence.Fetches):
			// No proof at this place would mean anything; one that was there before
			// is gone with the site.
			if r.Outcome = zonehold.OutcomeRefused; !c.VerifiedBefore.IsZero() {
				r.Outcome = zonehold.OutcomeMismatch
			}
			r.Problem = &n
		default:
			r.Notes = append(r.Notes, n)
		}
	}
	return finish(ctx, r)
}

// one asks one URL, and its decoy when the answer is right.
func (w webCheck) one(ctx context.Context, kit *Kit, c Claim, ch zonehold.Challenge, u string, left int, ev *Evidence) try {
	ctx, cancel := shareOf(ctx, left)
	defer cancel()
	f := kit.Web.Fetch(ctx, w.request(c, u))
	ev.Fetches = append(ev.Fetches, f)
	facts := FetchFacts(ChallengeFacts(ch, c), f)
	t := try{fetch: f}
	if f.Err != nil {
		t.outcome, t.no = fetchFailure(ctx, f, facts)
		return t
	}
	if f.Status != 200 {
		t.outcome, t.no = statusFailure(f, facts)
		return t
	}
	if t.notes, t.outcome, t.no = w.judge(f, facts); t.no != nil {
		return t
	}
	t.notes = append(t.notes, reachNotes(f, facts)...)
	if w.soft == nil {
		return t
	}
	scheme, _, _ := strings.Cut(u, "://")
	path := web.RandomLike(w.path)
	decoy := kit.Web.Fetch(ctx, c.Request(urlFor(kit, scheme, c, path)))
	ev.Decoys = append(ev.Decoys, decoy)
	switch {
	case decoy.Err != nil && decoy.Status == 0 && !strings.HasPrefix(string(decoy.Err.Kind), "redirect_"),
		decoy.Err != nil && decoy.Status == 200 && secretInURL(ch):
		// Without the decoy nobody knows whether the server says yes to
		// everything.
		t.outcome, t.no = fetchFailure(ctx, decoy, FetchFacts(ChallengeFacts(ch, c), decoy))
		if t.outcome != zonehold.OutcomeRefused {
			t.outcome = zonehold.OutcomeInconclusive
		}
		t.notes = nil
	case (decoy.Status == 429 || decoy.Status >= 500) && secretInURL(ch):
		// A server that is tired, or in trouble, does not say what it has.
		t.outcome, t.no = statusFailure(decoy, FetchFacts(ChallengeFacts(ch, c), decoy))
		t.notes = nil
	case decoy.Status == 200 && w.soft(f, decoy, path):
		t.outcome, t.notes = zonehold.OutcomeRefused, nil
		t.no = &Finding{"http_soft_404", with(facts, problem.FactWhere, decoy.Hops[0].URL)}
	}
	return t
}

// secretInURL reports whether a server could make the right file from what it
// is asked, so that only the decoy tells that it did not (threat T28).
func secretInURL(ch zonehold.Challenge) bool {
	return strings.Contains(ch.File.Path, ch.Token) || !strings.Contains(ch.File.Content, ch.Token)
}

// shareOf splits the time that is left evenly over what is still to be asked.
func shareOf(ctx context.Context, left int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok || left < 2 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
}

// hopeless reports whether another scheme would meet the same end.
func (t try) hopeless() bool {
	if t.fetch.Err == nil || len(t.fetch.Hops) > 1 {
		return false
	}
	switch t.fetch.Err.Kind {
	case web.KindDNS, web.KindNoAddress, web.KindForbiddenAddress, web.KindNoRoute:
		return true
	}
	return false
}

// telling ranks what was learned: an answer that is nearly right says more
// than a closed door.
func telling(t try) int {
	if t.no == nil {
		return 0
	}
	switch t.no.Code {
	case "http_soft_404", "meta_value_mismatch":
		return 9
	case "file_wrong_content", "meta_missing":
		return 8
	case "http_redirected_off_host", "http_redirect_missing_slash", "http_redirect_invalid":
		return 7
	case "http_not_found":
		return 6
	case "http_auth_required", "http_geo_blocked", "http_server_error",
		"http_redirect_loop", "http_content_encoding_broken", "http_body_too_large_or_slow":
		return 5
	case "tls_failed":
		return 4
	case "http_connect_failed":
		return 3
	}
	return 2
}

// couldNotAsk reports whether the URL was there but did not let us see. A
// closed port, or a certificate that does not fit while another URL answers,
// is an answer; a server in trouble is none.
func couldNotAsk(t try) bool {
	if t.outcome != zonehold.OutcomeInconclusive {
		return false
	}
	if t.fetch.Err == nil {
		return true
	}
	switch t.fetch.Err.Kind {
	case web.KindConnectRefused, web.KindConnectTimeout, web.KindReset, web.KindHTTPOnHTTPS, web.KindHTTPSOnHTTP,
		web.KindTLS, web.KindTLSName, web.KindTLSExpired, web.KindTLSUntrusted:
		return false
	}
	return true
}

// FetchFacts adds what a fetch saw.
func FetchFacts(f problem.Facts, fetch *web.Fetch) problem.Facts {
	f[problem.FactURL] = fetch.Hops[0].URL
	last := fetch.Hops[len(fetch.Hops)-1]
	f[problem.FactFinalURL] = last.URL
	if last.Addr.IsValid() {
		f[problem.FactAddress] = last.Addr.String()
	}
	if fetch.Status != 0 {
		f[problem.FactStatus] = strconv.Itoa(fetch.Status)
	}
	if len(fetch.Hops) > 1 || last.Location != "" {
		var chain []string
		for _, h := range fetch.Hops {
			chain = append(chain, h.URL)
		}
		if last.Location != "" && fetch.Err != nil {
			chain = append(chain, last.Location)
			f[problem.FactTarget] = last.Location
			if to, err := url.Parse(last.Location); err == nil && to.Hostname() != "" {
				f[problem.FactFinalURL], f[problem.FactTarget] = last.Location, to.Hostname()
			}
		}
		f[problem.FactRedirectChain] = strings.Join(chain, " → ")
	}
	return f
}

// fetchFailure names why no HTTP answer came.
func fetchFailure(ctx context.Context, f *web.Fetch, facts problem.Facts) (zonehold.Outcome, *Finding) {
	facts = with(facts)
	e := f.Err
	if e.Addr.IsValid() {
		facts[problem.FactAddress] = e.Addr.String()
	}
	if text := errorWords(e); text != "" {
		facts[problem.FactDetail] = text
	}
	if e.Kind == web.KindNoAddress || e.Kind == web.KindForbiddenAddress {
		// It is about the host that a redirect led to, if there was one.
		if u, err := url.Parse(f.URL()); err == nil && u.Hostname() != "" {
			facts[problem.FactDomain] = u.Hostname()
		}
	}
	switch e.Kind {
	case web.KindDNS:
		return hostFailure(ctx, e, facts)
	case web.KindNoAddress:
		facts[problem.FactDetail], facts[problem.FactAddresses] = "the name has no A or AAAA record", "none"
		return zonehold.OutcomeInconclusive, &Finding{"http_no_public_address", facts}
	case web.KindForbiddenAddress:
		facts[problem.FactAddresses] = addressList(f)
		return zonehold.OutcomeRefused, &Finding{"http_no_public_address", facts}
	case web.KindNoRoute, web.KindBadURL:
		return zonehold.OutcomeInconclusive, &Finding{"verifier_fault", facts}
	case web.KindConnectTimeout, web.KindConnectRefused, web.KindReset:
		if errors.Is(ctx.Err(), context.Canceled) {
			return zonehold.OutcomeInconclusive, &Finding{"verifier_fault", facts}
		}
		facts[problem.FactAddresses] = addressList(f)
		return zonehold.OutcomeInconclusive, &Finding{"http_connect_failed", facts}
	case web.KindTLS, web.KindTLSName, web.KindTLSExpired, web.KindTLSUntrusted:
		return zonehold.OutcomeInconclusive, &Finding{"tls_failed", facts}
	case web.KindProtocol, web.KindHeaderTooLarge:
		return zonehold.OutcomeInconclusive, &Finding{"http_protocol_error", facts}
	case web.KindHTTPOnHTTPS, web.KindHTTPSOnHTTP:
		return zonehold.OutcomeInconclusive, &Finding{"http_port_mixup", facts}
	case web.KindRedirectMissingSlash:
		return zonehold.OutcomeRefused, &Finding{"http_redirect_missing_slash", facts}
	case web.KindRedirectOffSite:
		return zonehold.OutcomeRefused, &Finding{"http_redirected_off_host", facts}
	case web.KindRedirectScheme, web.KindRedirectPort, web.KindRedirectBad:
		facts[problem.FactTarget] = f.Hops[len(f.Hops)-1].Location
		return zonehold.OutcomeRefused, &Finding{"http_redirect_invalid", facts}
	case web.KindRedirectLoop, web.KindTooManyRedirects:
		return zonehold.OutcomeInconclusive, &Finding{"http_redirect_loop", facts}
	case web.KindEncoding:
		return zonehold.OutcomeInconclusive, &Finding{"http_content_encoding_broken", facts}
	}
	// KindTimeout, and what a later client may add.
	return zonehold.OutcomeInconclusive, &Finding{"http_body_too_large_or_slow", facts}
}

// hostFailure names why the host's name could not be resolved.
func hostFailure(ctx context.Context, e *web.Error, facts problem.Facts) (zonehold.Outcome, *Finding) {
	cause := e.Err
	if cause == nil {
		cause = dns.ErrNoServers
	}
	host := facts[problem.FactDomain]
	if u, err := url.Parse(e.URL); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	facts[problem.FactName], facts[problem.FactType] = host, "A"
	delete(facts, problem.FactExpected)
	out, f := walkFailure(ctx, cause, facts)
	if out != zonehold.OutcomeRefused || !errors.Is(cause, dns.ErrBogus) {
		// One server was asked, not all: too little to say "authoritatively not
		// there".
		out = zonehold.OutcomeInconclusive
	}
	return out, f
}

// statusFailure names what a status other than 200 means.
func statusFailure(f *web.Fetch, facts problem.Facts) (zonehold.Outcome, *Finding) {
	switch s := f.Status; {
	case s == 404 || s == 410:
		return zonehold.OutcomeAbsent, &Finding{"http_not_found", facts}
	case s == 401 || s == 407:
		return zonehold.OutcomeInconclusive, &Finding{"http_auth_required", facts}
	case s == 429 || s == 451:
		return zonehold.OutcomeInconclusive, &Finding{"http_geo_blocked", facts}
	case s > 200 && s < 300:
		return zonehold.OutcomeMismatch, &Finding{"file_wrong_content", facts}
	}
	return zonehold.OutcomeInconclusive, &Finding{"http_server_error", facts}
}

// errorWords says in words what the network did.
func errorWords(e *web.Error) string {
	switch e.Kind {
	case web.KindConnectTimeout:
		return "timeout during connect, likely a firewall"
	case web.KindConnectRefused:
		return "connection refused, no server listens there"
	case web.KindReset:
		return "the server closed the connection"
	case web.KindTimeout:
		return "connected, but the answer took too long"
	case web.KindTLSName:
		return "the certificate is for another name"
	case web.KindTLSExpired:
		return "the certificate has expired or is not valid yet"
	case web.KindTLSUntrusted:
		return "the certificate is not signed by a trusted authority"
	case web.KindTLS:
		return "the TLS handshake failed"
	case web.KindHTTPOnHTTPS:
		return "plain HTTP on the port for HTTPS"
	case web.KindHTTPSOnHTTP:
		return "HTTPS on the port for plain HTTP"
	case web.KindProtocol:
		return "the answer is not HTTP/1.1"
	case web.KindHeaderTooLarge:
		return "the header of the answer is too large"
	case web.KindTooManyRedirects:
		return "too many redirects"
	case web.KindRedirectLoop:
		return "the redirects go in a circle"
	case web.KindRedirectOffSite:
		return "the redirect leads to another site"
	case web.KindRedirectScheme:
		return "the redirect leads to something that is not a web page"
	case web.KindRedirectPort:
		return "the redirect leads to a port that is not allowed"
	case web.KindRedirectBad:
		return "the redirect has no usable target"
	case web.KindEncoding:
		return "the compressed answer is broken"
	case web.KindForbiddenAddress:
		return probeForbidden
	case web.KindNoRoute:
		return "this machine could not open a connection to the web server"
	case web.KindBadURL:
		return "the address of the page is not one that can be asked"
	}
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

// probeForbidden is the one text for every address that the guard refuses
// (threat T14).
const probeForbidden = "address not allowed"

// addressList is every address of the last hop with what happened there.
func addressList(f *web.Fetch) string {
	hop := f.Hops[len(f.Hops)-1]
	var out []string
	seen := map[netip.Addr]bool{}
	for _, a := range hop.Failed {
		seen[a.Addr] = true
		if a.Err != nil {
			out = append(out, fmt.Sprintf("%s → %s", a.Addr, errorWords(a.Err)))
		}
	}
	for _, a := range hop.Addrs {
		if !seen[a] {
			out = append(out, a.String())
		}
	}
	return strings.Join(out, ", ")
}

// reachNotes are oddities on the way to a good answer.
func reachNotes(f *web.Fetch, facts problem.Facts) []Finding {
	for _, hop := range f.Hops {
		for _, a := range hop.Failed {
			if a.Addr.Is6() && !a.Addr.Is4In6() && hop.Addr.Is4() && a.Err != nil && a.Err.Kind != web.KindNoRoute {
				return []Finding{{"http_ipv6_differs", with(facts,
					problem.FactAddress, a.Addr.String(),
					problem.FactAddresses, fmt.Sprintf("%s → %s, %s → %d", a.Addr, errorWords(a.Err), hop.Addr, hop.Status),
					problem.FactDetail, errorWords(a.Err))}}
			}
		}
	}
	return nil
}
