package diagnose

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

// telling is the fetch of the check that its problem speaks of: the one at the
// URL of the finding.
func (s *scene) telling() *web.Fetch {
	fetches := s.result.Evidence.Fetches
	if len(fetches) == 0 {
		return nil
	}
	if s.result.Problem != nil {
		for _, f := range fetches {
			if f.Hops[0].URL == s.result.Problem.Facts[problem.FactURL] {
				return f
			}
		}
	}
	return fetches[0]
}

// right reports whether an answer would prove the claim.
func (s *scene) right(f *web.Fetch) bool {
	if f == nil || f.Err != nil || f.Status != 200 || f.TooLarge {
		return false
	}
	switch s.method {
	case zonehold.MethodMetaTag:
		return s.rightPage(f.Body)
	case zonehold.MethodTXTFile:
		return len(f.Body) == 0 && f.BodyRaw == 0
	}
	return s.fileBody().Matches(f.Body) != verify.NoMatch
}

func (s *scene) fileBody() verify.FileBody {
	p, _ := zonehold.ProfileByName(s.claim.Profile)
	return verify.FileBody{Content: s.want.expected, Compare: p.File.Compare}
}

// result in one word, for lists of addresses.
func word(f *web.Fetch) string {
	switch {
	case f == nil:
		return "not asked"
	case f.Err != nil:
		return strings.ReplaceAll(string(f.Err.Kind), "_", " ")
	}
	return strconv.Itoa(f.Status)
}

// perAddress fetches the URL from the addresses that the check did not use, at
// most three, and returns what each said. It is nil where there is only one.
func (s *scene) perAddress(ctx context.Context) map[netip.Addr]*web.Fetch {
	f := s.telling()
	if f == nil || s.plain() == "http_soft_404" || f.Err != nil && f.Err.Kind == web.KindForbiddenAddress {
		return nil
	}
	first := f.Hops[0]
	if len(first.Addrs) < 2 {
		return nil
	}
	out := map[netip.Addr]*web.Fetch{}
	if first.Addr.IsValid() {
		out[first.Addr] = f
	}
	for _, a := range first.Addrs {
		if a == first.Addr || len(out) == 4 {
			continue
		}
		req := s.claim.Request(first.URL)
		req.Addr = a
		if got := s.fetch(ctx, "at "+a.String(), req); got != nil {
			out[a] = got
		}
	}
	return out
}

// addressesDiffer compares the addresses of the host (causes F55, F56). It is
// a cause when one of them would have proved the claim.
func addressesDiffer(code problem.Code) func(context.Context, *scene) *verify.Finding {
	return func(ctx context.Context, s *scene) *verify.Finding {
		all := s.perAddress(ctx)
		var good, bad []netip.Addr
		for a, f := range all {
			if s.right(f) {
				good = append(good, a)
			} else if f.Err == nil || f.Err.Kind != web.KindNoRoute {
				bad = append(bad, a)
			}
		}
		if len(good) == 0 || len(bad) == 0 {
			return nil
		}
		six := func(list []netip.Addr) int {
			n := 0
			for _, a := range list {
				if a.Is6() && !a.Is4In6() {
					n++
				}
			}
			return n
		}
		families := six(bad) == len(bad) && six(good) == 0 || six(good) == len(good) && six(bad) == 0
		if families != (code == "http_ipv6_differs") {
			return nil
		}
		list, worst := addressResults(all, bad)
		return s.find(code, problem.FactAddresses, list, problem.FactAddress, worst.String())
	}
}

// addressResults prints what each address said, in order, and names the first
// bad one.
func addressResults(all map[netip.Addr]*web.Fetch, bad []netip.Addr) (string, netip.Addr) {
	var keys []netip.Addr
	for a := range all {
		keys = append(keys, a)
	}
	sortAddrs(keys)
	sortAddrs(bad)
	var parts []string
	for _, a := range keys {
		w := word(all[a])
		if all[a].Status == 200 && containsAddr(bad, a) {
			w += ", another content"
		}
		parts = append(parts, fmt.Sprintf("%s → %s", a, w))
	}
	return strings.Join(parts, "; "), bad[0]
}

func containsAddr(list []netip.Addr, a netip.Addr) bool {
	for _, have := range list {
		if have == a {
			return true
		}
	}
	return false
}

func sortAddrs(list []netip.Addr) {
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && list[j].Less(list[j-1]); j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}

// answered reports whether the check got an HTTP answer that is not the proof.
func (s *scene) answered() *web.Fetch {
	f := s.telling()
	if s.dnsMethod() || s.verified() || f == nil || f.Err != nil || s.plain() == "http_soft_404" {
		return nil
	}
	return f
}

// nodesDisagree asks the same address again (cause F76).
func nodesDisagree(ctx context.Context, s *scene) *verify.Finding {
	f := s.answered()
	if f == nil || !f.Hops[0].Addr.IsValid() || f.Status != 200 && f.Status != 404 {
		return nil
	}
	req := s.claim.Request(f.Hops[0].URL)
	req.Addr = f.Hops[0].Addr
	again := s.fetch(ctx, "again", req)
	if !s.right(again) {
		return nil
	}
	return s.find("http_nodes_disagree", problem.FactAddresses,
		fmt.Sprintf("%s → %s, then %s and right", f.Hops[0].Addr, word(f), word(again)))
}

// staleCopy sees that a cache in front serves something older than the server
// behind it (cause F75).
func staleCopy(ctx context.Context, s *scene) *verify.Finding {
	f := s.answered()
	if f == nil || f.Status != 200 && f.Status != 404 {
		return nil
	}
	detail := cacheSigns(f)
	if detail == "" {
		return nil
	}
	u := f.Hops[0].URL + "?zonehold=" + strings.ToLower(dns.RandomSibling("x"))
	if !s.right(s.fetch(ctx, "fresh", s.claim.Request(u))) {
		return nil
	}
	return s.find("http_stale_cdn_copy", problem.FactDetail, detail)
}

// cacheSigns quotes the headers that a cache leaves on what it kept.
func cacheSigns(f *web.Fetch) string {
	for _, h := range []string{"X-Cache", "Cf-Cache-Status", "X-Cache-Status", "X-Proxy-Cache", "X-Varnish-Cache", "X-Litespeed-Cache", "X-Drupal-Cache", "X-Vercel-Cache"} {
		if v := f.Header.Get(h); strings.Contains(strings.ToLower(v), "hit") || strings.EqualFold(v, "stale") {
			return h + ": " + clip(v)
		}
	}
	if age, err := strconv.Atoi(strings.TrimSpace(f.Header.Get("Age"))); err == nil && age > 0 {
		return fmt.Sprintf("Age: %d seconds", age)
	}
	return ""
}

// schemesDiffer looks at the other scheme of a claim that is pinned to one
// (cause F77). Where the pinned one gave no answer at all, that is the cause,
// and the other scheme a note.
func schemesDiffer(answered bool) func(context.Context, *scene) *verify.Finding {
	return func(ctx context.Context, s *scene) *verify.Finding {
		if s.claim.Scheme == "" || s.dnsMethod() || s.verified() || s.telling() == nil || (s.answered() != nil) != answered {
			return nil
		}
		return s.otherScheme(ctx)
	}
}

func (s *scene) otherScheme(ctx context.Context) *verify.Finding {
	if s.kit.Web == nil || s.plain() == "http_soft_404" {
		return nil
	}
	other := "http"
	if s.claim.Scheme == "http" {
		other = "https"
	}
	u := s.kit.Web.URLFor(other, string(s.claim.Hostname), s.claim.Port, s.path())
	if !s.right(s.fetch(ctx, "", s.claim.Request(u))) {
		return nil
	}
	return s.find("http_https_differ", problem.FactWhere, u)
}

// path is what the method asks for on the host.
func (s *scene) path() string {
	if s.ch.File != nil {
		return s.ch.File.Path
	}
	return "/"
}

// dotPathBlocked: only folders that begin with a dot are refused (cause F66).
func dotPathBlocked(ctx context.Context, s *scene) *verify.Finding {
	f := s.answered()
	if f == nil || !strings.Contains(s.path(), "/.") || f.Status != 403 && f.Status != 404 {
		return nil
	}
	// The same made-up file name inside a dot folder and outside: only the
	// status tells them apart.
	name := path.Base(web.RandomLike(s.path()))
	plain := s.fetch(ctx, "", s.claim.Request(s.urlAt(f, "/"+name)))
	dotted := s.fetch(ctx, "", s.claim.Request(s.urlAt(f, path.Join(path.Dir(s.path()), name))))
	if plain == nil || plain.Err != nil || dotted == nil || dotted.Err != nil {
		return nil
	}
	switch {
	case f.Status == 403 && dotted.Status == 403 && (plain.Status == 404 || plain.Status == 200):
		return s.find("http_dot_path_blocked")
	case f.Status == 404 && plain.Status == 200:
		// Everything is served by an application, except dot folders.
		return s.find("http_dot_path_blocked")
	}
	return nil
}

// urlAt is another path on the same site.
func (s *scene) urlAt(f *web.Fetch, p string) string {
	u, err := url.Parse(f.Hops[0].URL)
	if err != nil {
		return f.Hops[0].URL
	}
	return u.Scheme + "://" + u.Host + p
}

// offHost: a redirect within the domain ended at another host or at a sign-in
// page, whose answer is not the proof (cause F60).
func offHost(_ context.Context, s *scene) *verify.Finding {
	f := s.answered()
	if f == nil || s.method == zonehold.MethodMetaTag || len(f.Hops) < 2 || f.Status != 200 {
		return nil
	}
	from, err1 := url.Parse(f.Hops[0].URL)
	to, err2 := url.Parse(f.URL())
	if err1 != nil || err2 != nil || from.Path == to.Path {
		return nil
	}
	if strings.EqualFold(from.Hostname(), to.Hostname()) && !signIn(to.Path) {
		return nil
	}
	return s.find("http_redirected_off_host", problem.FactFinalURL, f.URL(), problem.FactTarget, to.Hostname())
}

func signIn(p string) bool {
	p = strings.ToLower(p)
	for _, w := range []string{"login", "signin", "sign-in", "sign_in", "/auth", "/sso", "password"} {
		if strings.Contains(p, w) {
			return true
		}
	}
	return false
}

// notRegisteredHost: the host has no address because nobody registered the
// domain (cause F21).
func notRegisteredHost(ctx context.Context, s *scene) *verify.Finding {
	if s.dnsMethod() || s.plain() != "http_no_public_address" || s.kit.DNS == nil {
		return nil
	}
	f := s.telling()
	if f == nil || f.Err == nil || f.Err.Kind != web.KindNoAddress && f.Err.Kind != web.KindDNS {
		return nil
	}
	z, err := s.delegation(ctx, s.registrable())
	if z == nil || err == nil || !isNotDelegated(err) {
		return nil
	}
	if !verify.IsRegistry(s.claim.Hostname, z.Name) {
		return nil
	}
	return s.find("domain_not_registered", problem.FactZone, s.registrable())
}

// softNotFound: a made-up file name gets the same page (cause F70).
func softNotFound(ctx context.Context, s *scene) *verify.Finding {
	f := s.answered()
	if f == nil || s.ch.File == nil || f.Status != 200 {
		return nil
	}
	decoyURL := s.urlAt(f, web.RandomLike(s.path()))
	s.mu.Lock()
	if s.decoyURL == "" {
		s.decoyURL = decoyURL
	}
	decoyURL = s.decoyURL
	s.mu.Unlock()
	decoy := s.fetch(ctx, "", s.claim.Request(decoyURL))
	if decoy == nil || decoy.Err != nil || decoy.Status != 200 {
		return nil
	}
	if !alike(f, decoy) {
		return nil
	}
	return s.find("http_soft_404", problem.FactWhere, decoyURL, problem.FactStatus, "200")
}

// alike reports whether two answers are the same page for two paths: equal
// bytes, the same final page, or HTML with the same title.
func alike(a, b *web.Fetch) bool {
	if bytes.Equal(a.Body, b.Body) || a.URL() == b.URL() {
		return true
	}
	ta, tb := title(a.Body), title(b.Body)
	return isHTML(a) && isHTML(b) && ta != "" && ta == tb
}

func isHTML(f *web.Fetch) bool {
	t := strings.ToLower(f.Header.Get("Content-Type"))
	return strings.Contains(t, "html") || t == "" && bytes.Contains(bytes.ToLower(f.Body[:min(len(f.Body), 512)]), []byte("<html"))
}

// title is the text of the first title element, in lower case and without
// outer white space.
func title(body []byte) string {
	low := bytes.ToLower(body[:min(len(body), 64<<10)])
	i := bytes.Index(low, []byte("<title"))
	if i < 0 {
		return ""
	}
	low = low[i:]
	i = bytes.IndexByte(low, '>')
	if i < 0 {
		return ""
	}
	low = low[i+1:]
	if i = bytes.IndexByte(low, '<'); i < 0 {
		return ""
	}
	return string(bytes.TrimSpace(low[:i]))
}
