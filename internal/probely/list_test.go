package probely

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zonehold/zonehold"
)

func listNames(t *testing.T, body string) []string {
	t.Helper()
	var p pageBody[domainBody]
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	names := []string{}
	for _, d := range p.Results {
		names = append(names, strings.TrimSuffix(d.Hostname, ".example"))
	}
	return names
}

// TestList: filters, orders, searches; unknown keys are ignored.
func TestList(t *testing.T) {
	s, h := world(t, Config{})
	s.add("c.example")
	verified(s.add("a.example"), zonehold.MethodFile).Port = 8443
	failed(s.add("d.example"), zonehold.MethodDNSTXT, zonehold.OutcomeAbsent, plain[zonehold.MethodDNSTXT])
	cloud := verified(s.add("b.example"), zonehold.MethodCloudflare)
	cloud.ProofSource, cloud.DiscoveryEnabled, cloud.Port = "con_06c4b1aaaaaa9k2m4p70000050", false, 80
	for _, tt := range []struct{ query, want string }{
		{"", "c a d b"},
		{"ordering=hostname", "a b c d"},
		{"ordering=-hostname", "d c b a"},
		{"ordering=-verified,hostname", "a b c d"},
		{"ordering=verified&ordering=-hostname", "d c b a"},
		{"ordering=nonsense", "c a d b"},
		{"ordering=port", "b a c d"},
		{"ordering=-port,hostname", "c d a b"},
		{"ordering=verification_method,-hostname", "c b d a"},
		{"ordering=verification_date,hostname", "a b d c"},
		{"ordering=-created", "b d a c"},
		{"verified=true", "a b"},
		{"verified=False", "c d"},
		{"verified=null", "c a d b"},
		{"verification_method=file", "a"},
		{"verification_method=file&verification_method=cloudflare", "a b"},
		{"verification_method=dns", "d"},
		{"verification_method=null", "c"},
		{"discovery_enabled=0", "b"},
		{"source=Cloudflare", "b"},
		{"source=4Z8D4Yg68NAB", ""},
		{"source=null", "c a d"},
		{"source=null&source=Cloudflare", "c a d b"},
		{"search=a.ex", "a"},
		{"search=zzz", ""},
		{"length=2", "c a"},
		{"length=2&page=2", "d b"},
		{"length=2&page=last", "d b"},
		{"length=0", "c a d b"},
		{"length=x", "c a d b"},
		{"page=", "c a d b"},
		{"x=1&y[]=2&format=json", "c a d b"},
		{"%zz&search=a.ex", "a"},
	} {
		status, body := ask(t, h, "GET", "/domains/?"+tt.query, "")
		if got := strings.Join(listNames(t, body), " "); status != 200 || got != tt.want {
			t.Errorf("%s: %d %q, want %q", tt.query, status, got, tt.want)
		}
	}
	for query, want := range map[string]int{
		"page=0": 404, "page=-1": 404, "page=x": 404, "page=2": 404, "length=2&page=3": 404, "page=99999999999999999999": 404,
		"verified=perhaps": 400, "verification_method=whois": 400, "discovery_enabled=2": 400,
	} {
		if status, body := ask(t, h, "GET", "/domains/?"+query, ""); status != want {
			t.Errorf("%s: %d %s, want %d", query, status, body, want)
		}
	}
}

// TestPages: every domain stands on exactly one page, and a reader that goes
// on to page_total sees all.
func TestPages(t *testing.T) {
	s, h := world(t, Config{})
	for i := range 1703 {
		s.add(fmt.Sprintf("n%04d.example", i))
	}
	for _, length := range []int{1000, 50, 10000, 99999} {
		seen := map[string]bool{}
		for n, total := 1, 1; n <= total; n++ {
			_, body := ask(t, h, "GET", fmt.Sprintf("/domains/?length=%d&page=%d", length, n), "")
			var p pageBody[domainBody]
			if err := json.Unmarshal([]byte(body), &p); err != nil {
				t.Fatal(err)
			}
			total = p.PageTotal
			if p.Count != 1703 || p.Page != n || p.Length != min(length, 10000) || len(p.Results) > p.Length {
				t.Fatalf("page %d of %d: count %d, page %d, length %d", n, total, p.Count, p.Page, p.Length)
			}
			for _, d := range p.Results {
				seen[d.Hostname] = true
			}
		}
		if len(seen) != 1703 {
			t.Errorf("pages of %d show %d domains", length, len(seen))
		}
	}
}

func TestEmptyPages(t *testing.T) {
	_, h := world(t, Config{})
	for _, path := range []string{"/targets/", "/scans/", "/findings/", "/labels/", "/teams/", "/integrations/", "/events/", "/webhooks/",
		"/discovery/assets/", "/discovery/scans/"} {
		for _, form := range []string{path, strings.TrimSuffix(path, "/")} {
			status, body := ask(t, h, "GET", form+"?length=30&page=1", "")
			if diff := cmp.Diff(`{"count":0,"page_total":1,"page":1,"length":30,"results":[]}`, body); status != 200 || diff != "" {
				t.Errorf("%s: %d\n%s", form, status, diff)
			}
		}
		if status, body := ask(t, h, "POST", path, "{}"); status != 405 {
			t.Errorf("POST %s: %d %s", path, status, body)
		}
		if status, body := ask(t, h, "GET", path+"3jWDZrNpfhSK/", ""); status != 404 {
			t.Errorf("one of %s: %d %s", path, status, body)
		}
	}
}
