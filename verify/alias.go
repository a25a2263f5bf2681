package verify

import (
	"bytes"
	"errors"
	"strings"

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
	own, ok := c.Hostname.Registrable()
	if !ok || len(seen) == 0 || len(seen[0].Hops) == 0 {
		return nil
	}
	target := ""
	for _, alias := range seen[0].Hops[0].Aliases {
		if alias != own && !strings.HasSuffix(alias, "."+own) {
			target = alias
		}
	}
	if target == "" {
		return nil
	}
	facts = with(facts, problem.FactDomain, string(c.Hostname), problem.FactTarget, target)
	if err := seen[0].Err; err != nil && err.Kind == web.KindNoAddress && errors.Is(err.Err, web.ErrNoSuchHost) {
		return []Finding{{"http_alias_dangling", with(facts, problem.FactDetail, "That name does not exist.")}}
	}
	for _, p := range platforms {
		if target != p.below && !strings.HasSuffix(target, "."+p.below) {
			continue
		}
		for _, f := range seen {
			if len(f.Hops) == 1 && f.Status >= 400 && bytes.Contains(f.Body, []byte(p.page)) {
				return []Finding{{"http_alias_dangling", with(facts, problem.FactProduct, p.name,
					problem.FactDetail, p.name+" says that nobody has claimed the name.")}}
			}
		}
	}
	return []Finding{{"http_alias_elsewhere", facts}}
}
