package httpapi

import (
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/zonehold/zonehold/problem"
)

var docsPages = []string{"/docs/", "/docs/problems", "/docs/errors"}

func TestDocs(t *testing.T) {
	b := newBench()
	ids := map[string]map[string]bool{} // by page
	links := map[string][]string{}
	for _, path := range docsPages {
		w := b.do(request("GET "+path, ""))
		csp := w.Header().Get("Content-Security-Policy")
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") ||
			!strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "script") {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		ids[path] = map[string]bool{}
		doc, err := html.Parse(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if n.Data == "script" || n.Data == "style" || n.Data == "iframe" || n.Data == "img" {
				t.Errorf("%s has a <%s>", path, n.Data)
			}
			for _, a := range n.Attr {
				switch {
				case a.Key == "id":
					if ids[path][a.Val] {
						t.Errorf("%s: id %s twice", path, a.Val)
					}
					ids[path][a.Val] = true
				case a.Key == "href":
					links[path] = append(links[path], a.Val)
				case a.Key == "style" || strings.HasPrefix(a.Key, "on") || a.Key == "src":
					t.Errorf("%s: attribute %s", path, a.Key)
				}
			}
		}
	}
	for path, list := range links {
		for _, link := range list {
			page, anchor, hasAnchor := strings.Cut(link, "#")
			if page == "" {
				page = path
			}
			if hasAnchor && !ids[page][anchor] {
				t.Errorf("%s links to %s, which is not there", path, link)
			}
			if w := b.do(request("GET "+page, "")); w.Code != 200 {
				t.Errorf("%s links to %s: %d", path, link, w.Code)
			}
		}
	}
	for _, e := range problem.Catalogue() {
		page, anchor, _ := strings.Cut(problem.DocsURL(e.Code), "#")
		if !ids[page][anchor] {
			t.Errorf("%s does not land", problem.DocsURL(e.Code))
		}
	}
	for name := range b.server.doc.Components.Schemas.Map() {
		if !ids["/docs/"]["schema-"+name] {
			t.Errorf("the schema %s is not described", name)
		}
	}
	if w := b.do(request("GET /docs", "")); w.Code != 301 || w.Header().Get("Location") != "/docs/" {
		t.Errorf("/docs: %d", w.Code)
	}
	if w := b.do(request("GET /docs/style.css", "")); w.Code != 200 || regexp.MustCompile(`url\(|@import`).MatchString(w.Body.String()) {
		t.Errorf("style sheet: %d", w.Code)
	}
}
