package verify

import (
	"slices"
	"strings"
	"testing"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/web"
)

// The table of platforms is data: each row has to be usable, and to be found.
func TestPlatforms(t *testing.T) {
	if !slices.IsSortedFunc(platforms, func(a, b struct{ name, below, page string }) int {
		return strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name))
	}) {
		t.Error("not in order")
	}
	seen := map[string]bool{}
	for _, p := range platforms {
		if name, err := zonehold.ParseHostname("x." + p.below); err != nil || string(name) != "x."+p.below || p.name == "" || len(p.page) < 9 || seen[p.below] {
			t.Errorf("row %+v: %v", p, err)
		}
		seen[p.below] = true
		page := &web.Fetch{Hops: make([]web.Hop, 1), Status: 404, Body: []byte("<h1>" + p.page + "</h1>")}
		if got := unclaimed("site."+p.below, []*web.Fetch{page}); got != p.name || !onPlatform("site."+p.below) {
			t.Errorf("%s is taken for %q", p.name, got)
		}
		if got := unclaimed("site.not"+p.below, []*web.Fetch{page}); got != "" || onPlatform("site.not"+p.below) {
			t.Errorf("another domain is taken for %s", got)
		}
	}
}
