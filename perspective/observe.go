package perspective

import (
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	miekg "github.com/miekg/dns"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/verify"
)

// observed finds, in what a check saw, the proof itself: of several candidates
// the one that counts, else "".
func observed(ctx context.Context, r *Request, ch zonehold.Challenge, ev *verify.Evidence) string {
	for _, s := range candidates(ctx, r, ch, ev) {
		if len(s) <= maxObserved && ShowsProof(ch, r.Profile, s) {
			return cut(s, maxObserved)
		}
	}
	return ""
}

func candidates(ctx context.Context, r *Request, ch zonehold.Challenge, ev *verify.Evidence) (out []string) {
	switch {
	case ch.Record != nil:
		for _, l := range ev.Lookups {
			for _, sa := range l.Final().Servers {
				for _, rec := range sa.Records {
					switch {
					case rec.Type == miekg.TypeTXT && ch.Record.Type == "TXT":
						out = append(out, rec.TXT())
					case rec.Type == miekg.TypeCNAME && ch.Record.Type == "CNAME":
						out = append(out, rec.Target)
					}
				}
			}
		}
	case ch.File != nil:
		for _, f := range ev.Fetches {
			switch {
			case f.Status != 200 || f.TooLarge:
			case !pathTells(ch):
				out = append(out, string(f.Body))
			default:
				if u, err := url.Parse(f.Hops[0].URL); err == nil {
					out = append(out, u.Path+"\n"+string(f.Body))
				}
			}
		}
	case ch.Tag != nil:
		p, _ := zonehold.ProfileByName(r.Profile)
		for _, f := range ev.Fetches {
			if f.Status != 200 {
				continue
			}
			page := verify.ParseMeta(ctx, f.Body)
			for _, name := range p.TagNames() {
				out = append(out, page.Head(name)...)
			}
		}
	}
	return out
}

// ShowsProof reports whether what somebody saw is the proof of this very
// challenge: "a pass" alone is no corroboration (Baseline Requirements,
// section 3.2.2.9).
func ShowsProof(ch zonehold.Challenge, profile zonehold.ProfileName, seen string) bool {
	switch {
	case ch.Record != nil && ch.Record.Type == "TXT":
		return verify.NewTXTValue(profile, ch.Token).Matches(seen) != verify.NoMatch
	case ch.Record != nil:
		return zonehold.EqualToken(strings.ToLower(seen), strings.ToLower(ch.Record.Value))
	case ch.File != nil:
		if pathTells(ch) {
			path, body, _ := strings.Cut(seen, "\n")
			if !zonehold.EqualToken(path, ch.File.Path) {
				return false
			}
			seen = body
		}
		if ch.File.Content == "" {
			return seen == ""
		}
		p, ok := zonehold.ProfileByName(profile)
		return ok && verify.FileBody{Content: ch.File.Content, Compare: p.File.Compare}.Matches([]byte(seen)) != verify.NoMatch
	case ch.Tag != nil:
		return zonehold.EqualToken(verify.TrimInvisible(seen), ch.Token)
	}
	return false
}

// pathTells reports whether the token of a file is in its path alone, so that
// the body is the same for all claims. What was seen is then the path, a line
// feed and the body.
func pathTells(ch zonehold.Challenge) bool { return !strings.Contains(ch.File.Content, ch.Token) }

// answering lists the addresses that a check had answers from.
func answering(ev *verify.Evidence) (out []netip.Addr) {
	add := func(a netip.Addr) {
		if a.IsValid() && len(out) < maxAddrs && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	for _, l := range ev.Lookups {
		for _, hop := range l.Hops {
			for _, sa := range hop.Servers {
				if sa.Status == "ok" {
					add(sa.Addr.Addr())
				}
			}
		}
	}
	for _, f := range ev.Fetches {
		for _, hop := range f.Hops {
			add(hop.Addr)
		}
	}
	return out
}
