package problem

import (
	"slices"
	"sync"
)

// areas lists the rows in documentation order, which is also the order in
// which causes outrank each other: ours, syntax, registration and servers,
// name, value, then the web.
var areas = []struct {
	name, title string
	entries     []Entry
}{
	{"ours", "Our side", slices.Concat(ours, heldBack)},
	{"hostname", "The name that was given", hostname},
	{"dns_servers", "Registration and name servers", dnsServers},
	{"dns_name", "The place of a DNS record", dnsName},
	{"dns_value", "The value of a DNS record", dnsValue},
	{"cname", "CNAME records", cname},
	{"http_reach", "Reaching the web site", httpReach},
	{"http_content", "The file", httpContent},
	{"meta", "The meta tag", meta},
	{"mail", "WHOIS and mail", slices.Concat(mail, mailbox)},
	{"accounts", "Accounts and approvals", accounts},
	{"grants", "What is on record", grants},
	{"perspectives", "What other networks see", perspectives},
	{"lifecycle", "The life of a proof", lifecycle},
	{"claims", "Names that went to another account", claims},
}

// lookedForAtAll stands in where no fact says what was looked for.
var lookedForAtAll = map[string]string{
	"ours":         "The proof of control over the domain",
	"hostname":     "A domain name such as example.com",
	"dns_servers":  "Name servers that answer for the domain",
	"dns_name":     "The DNS record that proves control",
	"dns_value":    "The DNS record with the value of this claim",
	"cname":        "The CNAME record that proves control",
	"http_reach":   "An answer of the web site",
	"http_content": "The file that proves control",
	"meta":         "The meta tag in the head of the home page",
	"mail":         "Confirmation through the domain's registered mail address",
	"accounts":     "An account that this proof belongs to",
	"grants":       "Something on record that gives the domain to the account",
	"perspectives": "The same proof of control, seen from several networks",
	"lifecycle":    "A proof that stands",
	"claims":       "A name that no other account has",
}

var catalogue = sync.OnceValue(func() []Entry {
	var all []Entry
	for _, area := range areas {
		for _, e := range area.entries {
			e.Area = area.name
			if e.Severity == "" {
				e.Severity = SeverityError
			}
			all = append(all, e)
		}
	}
	return all
})

var index = sync.OnceValue(func() map[Code]Entry {
	m := make(map[Code]Entry)
	for _, e := range catalogue() {
		m[e.Code] = e
	}
	return m
})

// Catalogue returns all entries in documentation order.
func Catalogue() []Entry {
	all := slices.Clone(catalogue())
	for i := range all {
		all[i].Fixes = slices.Clone(all[i].Fixes)
	}
	return all
}

// Lookup finds one entry.
func Lookup(code Code) (Entry, bool) {
	e, ok := index()[code]
	e.Fixes = slices.Clone(e.Fixes)
	return e, ok
}

// Texts that many entries share. No text ends with a placeholder and a full
// stop: the dot would be copied with the value.
const (
	lookedTXT   = "The TXT record {name} on every name server of the zone. Value: {expected}"
	lookedDNS   = "The {type} record {name} on every name server of the zone. Value: {expected}"
	lookedChain = "A chain of valid signatures from the root to {name} (DNSSEC)"
	lookedCNAME = "The CNAME record {name} on every name server of the zone. Target: {expected}"
	lookedFile  = "The file {url} with status 200. Content: {expected}"
	lookedMeta  = "A meta tag in the head of {url} (the home page). Content of the tag: {expected}"
	lookedWeb   = "An answer with status 200 at {url}"

	digTXT   = "dig +norecurse TXT {name} @{server}"
	digDNS   = "dig +norecurse {type} {name} @{server}"
	digCNAME = "dig +norecurse CNAME {name} @{server}"
	curlURL  = "curl -g -sS -D- {url}"
	curlHead = "curl -g -sS -D- -o /dev/null {url}"

	fixPanel = "The zone is edited at {provider}: {panel_url}"
)
