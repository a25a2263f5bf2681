package verify

import (
	"bytes"
	"context"
	"errors"
	"strings"

	miekg "github.com/miekg/dns"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/dns"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
)

// platforms serve sites of many customers under names of their own, and tell
// by a page of theirs that nobody has claimed a name. An alias that leads
// there is free for the first who comes (threat T36).
var platforms = []struct{ name, below, page string }{
	{"Amazon S3", "amazonaws.com", "NoSuchBucket"},
	{"Azure", "azurewebsites.net", "404 Web Site not found"},
	{"Bitbucket", "bitbucket.io", "Repository not found"},
	{"Fastly", "fastly.net", "Fastly error: unknown domain"},
	{"Ghost", "ghost.io", "Domain error"},
	{"GitHub Pages", "github.io", "There isn't a GitHub Pages site here"},
	{"Heroku", "herokuapp.com", "No such app"},
	{"Heroku", "herokudns.com", "No such app"},
	{"Netlify", "netlify.app", "Not Found - Request ID"},
	{"Pantheon", "pantheonsite.io", "404 error unknown site"},
	{"Read the Docs", "readthedocs.io", "unknown to Read the Docs"},
	{"Shopify", "myshopify.com", "Sorry, this shop is currently unavailable"},
	{"Surge", "surge.sh", "project not found"},
	{"Tumblr", "domains.tumblr.com", "Whatever you were looking for doesn't currently exist"},
	{"WordPress.com", "wordpress.com", "doesn&#8217;t exist"},
}

// aliasNotes tell of a host that is an alias of a name in another domain:
// whoever holds that name serves the host.
func aliasNotes(c Claim, facts problem.Facts, seen ...*web.Fetch) []Finding {
	target := awayTarget(c, seen)
	if target == "" {
		return nil
	}
	facts = with(facts, problem.FactDomain, string(c.Hostname), problem.FactTarget, target)
	if nowhere(seen[0]) {
		return []Finding{{"http_alias_dangling", with(facts, problem.FactDetail, "That name does not exist.")}}
	}
	if name := unclaimed(target, seen); name != "" {
		return []Finding{{"http_alias_dangling", with(facts, problem.FactProduct, name,
			problem.FactDetail, name+" says that nobody has claimed the name.")}}
	}
	return []Finding{{"http_alias_elsewhere", facts}}
}

// awayTarget is the last alias of the host that lies in another domain; "" if
// there is none.
func awayTarget(c Claim, seen []*web.Fetch) (target string) {
	own, ok := c.Hostname.Registrable()
	if !ok || len(seen) == 0 || len(seen[0].Hops) == 0 {
		return ""
	}
	for _, alias := range seen[0].Hops[0].Aliases {
		if alias != own && !strings.HasSuffix(alias, "."+own) {
			target = alias
		}
	}
	return target
}

// nowhere reports whether the aliases of a host end at a name that does not
// exist.
func nowhere(f *web.Fetch) bool {
	return f.Err != nil && f.Err.Kind == web.KindNoAddress && errors.Is(f.Err.Err, web.ErrNoSuchHost)
}

// unclaimed is the platform that says by its page that nobody has claimed the
// target; "" if none does.
func unclaimed(target string, seen []*web.Fetch) string {
	for _, p := range platforms {
		if target != p.below && !strings.HasSuffix(target, "."+p.below) {
			continue
		}
		for _, f := range seen {
			if len(f.Hops) == 1 && f.Status >= 400 && bytes.Contains(f.Body, []byte(p.page)) {
				return p.name
			}
		}
	}
	return ""
}

// onPlatform reports whether names below that of a platform are free for the
// first who comes.
func onPlatform(target string) bool {
	for _, p := range platforms {
		if strings.HasSuffix(target, "."+p.below) {
			return true
		}
	}
	return false
}

// forAnybody reports whether whoever comes first can serve the host: its alias
// leads to a name that a platform gives away, or in a domain that nobody has
// registered (threat T36). What could not be asked for sure is not.
func forAnybody(ctx context.Context, kit *Kit, c Claim, seen []*web.Fetch) bool {
	target := awayTarget(c, seen)
	switch {
	case target == "":
		return false
	case !nowhere(seen[0]):
		return unclaimed(target, seen) != ""
	case kit.DNS == nil:
		return false
	case onPlatform(target):
		return denied(ctx, kit.DNS, target)
	}
	name, err := zonehold.ParseHostname(target)
	if err != nil {
		return false
	}
	registrable, ok := name.Registrable()
	return ok && denied(ctx, kit.DNS, registrable)
}

// denied reports whether every server that is asked for a name says that it
// does not exist.
func denied(ctx context.Context, r *dns.Resolver, name string) bool {
	answer, err := r.Ask(ctx, name, miekg.TypeA)
	if err != nil || len(answer.Servers) == 0 {
		return false
	}
	for i := range answer.Servers {
		if sa := &answer.Servers[i]; sa.Status != dns.StatusOK || sa.Kind != dns.KindNXDomain || sa.Security == dns.SecurityBogus {
			return false
		}
	}
	return true
}
