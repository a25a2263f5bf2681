package probely

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/internal/app"
)

// Bounds of a page. One client asks for 10000 and reads only the first page.
const (
	usualLength = 10
	maxLength   = 10000
)

// pageBody is one page of any list.
type pageBody[T any] struct {
	Count     int `json:"count"`
	PageTotal int `json:"page_total"` // 1 also when there is nothing
	Page      int `json:"page"`
	Length    int `json:"length"`
	Results   []T `json:"results"`
}

// page cuts the page that the query asks for out of a list. As with DRF, a
// length that is none counts as not given, and a page that is not there is a
// 404.
func page[T any](query url.Values, items []T) (pageBody[T], error) {
	p := pageBody[T]{Count: len(items), Page: 1, Length: usualLength, Results: []T{}}
	if n, err := strconv.Atoi(query.Get("length")); err == nil && n > 0 {
		p.Length = min(n, maxLength)
	}
	p.PageTotal = max(1, (len(items)+p.Length-1)/p.Length)
	switch s := query.Get("page"); s {
	case "":
	case "last":
		p.Page = p.PageTotal
	default:
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > p.PageTotal {
			return p, errPage()
		}
		p.Page = n
	}
	start := (p.Page - 1) * p.Length
	p.Results = append(p.Results, items[start:min(start+p.Length, len(items))]...)
	return p, nil
}

func (c *call) listDomains() (reply, error) {
	query := c.r.URL.Query()
	f, err := readFilter(query)
	if err != nil {
		return reply{}, err
	}
	all, err := c.service.Domains(c.r.Context(), c.actor, app.DomainQuery{
		Profile: zonehold.ProfileProbely, Text: strings.TrimSpace(query.Get("search")), Sort: "created_at", Limit: -1, Bare: true,
	})
	if err != nil {
		return reply{}, failure(err)
	}
	found := slices.DeleteFunc(slices.Clone(all.Items), func(d *app.Domain) bool { return !f.keeps(c, d) })
	order(found, query["ordering"])
	p, err := page(query, found)
	if err != nil {
		return reply{}, err
	}
	body := pageBody[domainBody]{p.Count, p.PageTotal, p.Page, p.Length, make([]domainBody, len(p.Results))}
	for i, d := range p.Results {
		body.Results[i] = c.domain(d)
	}
	return ok(body)
}

// filter holds the values that a field may have; nil: any. Unknown keys of
// the query are ignored, as DRF does.
type filter struct {
	verified, discovery *bool
	methods, sources    []string
}

const null = "null" // the literal for "not set" (contract section 1)

func readFilter(query url.Values) (f filter, err error) {
	errs := fieldErrors{}
	flag := func(key string) *bool {
		s := query.Get(key)
		if s == "" || s == null {
			return nil
		}
		b, ok := truth(s)
		if !ok {
			errs.add(key, textBoolean)
		}
		return &b
	}
	f.verified, f.discovery = flag("verified"), flag("discovery_enabled")
	for _, s := range query["verification_method"] {
		switch {
		case s == "" && len(query["verification_method"]) == 1: // an empty form field
		case s == "" || s == null:
			f.methods = append(f.methods, "")
		case s == methodDNS:
			f.methods = append(f.methods, methodDNSTXT)
		case slices.Contains(allMethods, s):
			f.methods = append(f.methods, s)
		default:
			errs.add("verification_method", fmt.Sprintf("Select a valid choice. %s is not one of the available choices.", app.OneLine(s, maxEcho)))
		}
	}
	for _, s := range query["source"] {
		switch s {
		case "":
		case null:
			f.sources = append(f.sources, "")
		default:
			f.sources = append(f.sources, s)
		}
	}
	return f, errs.err()
}

func (f filter) keeps(c *call, d *app.Domain) bool {
	if f.verified != nil && *f.verified != d.State.Verified() || f.discovery != nil && *f.discovery != d.DiscoveryEnabled {
		return false
	}
	if f.methods != nil && !slices.Contains(f.methods, methodShown(d)) {
		return false
	}
	if f.sources == nil {
		return true
	}
	s := c.source(d)
	return slices.Contains(f.sources, s.ID) || slices.Contains(f.sources, s.Name)
}

// orders compares by a field. Unset values come last.
var orders = map[string]func(a, b *app.Domain) int{
	"hostname":                func(a, b *app.Domain) int { return cmp.Compare(a.Hostname, b.Hostname) },
	"id":                      func(a, b *app.Domain) int { return cmp.Compare(app.ShortID(a.ID), app.ShortID(b.ID)) },
	"created":                 func(a, b *app.Domain) int { return a.CreatedAt.Compare(b.CreatedAt) },
	"changed":                 func(a, b *app.Domain) int { return a.UpdatedAt.Compare(b.UpdatedAt) },
	"verified":                func(a, b *app.Domain) int { return compareBool(a.State.Verified(), b.State.Verified()) },
	"discovery_enabled":       func(a, b *app.Domain) int { return compareBool(a.DiscoveryEnabled, b.DiscoveryEnabled) },
	"verification_method":     func(a, b *app.Domain) int { return cmp.Compare(methodShown(a), methodShown(b)) },
	"verification_last_error": func(a, b *app.Domain) int { return cmp.Compare(lastError(a), lastError(b)) },
	"verification_date":       func(a, b *app.Domain) int { return compareTime(verifiedOrTried(a), verifiedOrTried(b)) },
	"port":                    func(a, b *app.Domain) int { return cmp.Compare(a.Port-1, b.Port-1) }, // 0 becomes the largest
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func compareTime(a, b time.Time) int {
	if a.IsZero() != b.IsZero() {
		return compareBool(a.IsZero(), b.IsZero())
	}
	return a.Compare(b)
}

// maxOrders bounds the fields of one ordering.
const maxOrders = 8

// order sorts by fields separated by commas, those with a minus the other way
// round. Unknown ones are ignored, as DRF does. Without any, the oldest domain
// comes first.
func order(domains []*app.Domain, ordering []string) {
	type key struct {
		compare func(a, b *app.Domain) int
		sign    int
	}
	var keys []key
	for word := range strings.SplitSeq(strings.Join(ordering, ","), ",") {
		name, back := strings.CutPrefix(strings.TrimSpace(word), "-")
		if compare, ok := orders[name]; ok && len(keys) < maxOrders {
			k := key{compare, 1}
			if back {
				k.sign = -1
			}
			keys = append(keys, k)
		}
	}
	slices.SortStableFunc(domains, func(a, b *app.Domain) int {
		for _, k := range keys {
			if n := k.compare(a, b); n != 0 {
				return n * k.sign
			}
		}
		return 0
	})
}
