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
			case ch.File.Content != "":
				out = append(out, string(f.Body))
			case len(f.Body) == 0:
				if u, err := url.Parse(f.Hops[0].URL); err == nil {
					out = append(out, u.Path)
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
	case ch.File != nil && ch.File.Content == "":
		return zonehold.EqualToken(seen, ch.File.Path)
	case ch.File != nil:
		p, ok := zonehold.ProfileByName(profile)
		return ok && verify.FileBody{Content: ch.File.Content, Compare: p.File.Compare}.Matches([]byte(seen)) != verify.NoMatch
	case ch.Tag != nil:
		return zonehold.EqualToken(verify.TrimInvisible(seen), ch.Token)
	}
	return false
}

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
