package diagnose

import (
	"bytes"
	"context"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/probe/web"
	"github.com/zonehold/zonehold/problem"
	"github.com/zonehold/zonehold/verify"
)

func (s *scene) tagNames() []string {
	p, _ := zonehold.ProfileByName(s.claim.Profile)
	return p.TagNames()
}

// rightPage reports whether a page holds the tag where it counts.
func (s *scene) rightPage(body []byte) bool {
	page := verify.ParseMeta(context.Background(), body)
	for _, name := range s.tagNames() {
		for _, c := range page.Head(name) {
			if zonehold.EqualToken(verify.TrimInvisible(c), s.want.token) {
				return true
			}
		}
	}
	return false
}

// page is the home page that the check read.
func (s *scene) page() ([]byte, *verify.MetaPage) {
	f := s.answered()
	if f == nil || s.ch.Tag == nil || f.Status != 200 {
		return nil, nil
	}
	s.pageOnce.Do(func() { s.meta = verify.ParseMeta(context.Background(), f.Body) })
	return f.Body, s.meta
}

func (s *scene) named(t verify.MetaTag) bool {
	for _, n := range s.tagNames() {
		if t.Named(n) {
			return true
		}
	}
	return false
}

// candidates are the tags that carry the right content under the right name.
func (s *scene) rightTags() []verify.MetaTag {
	_, p := s.page()
	if p == nil {
		return nil
	}
	var out []verify.MetaTag
	for _, t := range p.Tags {
		if s.named(t) && zonehold.EqualToken(verify.TrimInvisible(t.Content), s.want.token) {
			out = append(out, t)
		}
	}
	return out
}

// metaInBody: the tag is an element of the body (cause F79), unless the source
// has it before the end of the head (cause F80).
func metaInBody(_ context.Context, s *scene) *verify.Finding {
	for _, t := range s.rightTags() {
		if t.Place == verify.PlaceBody || t.Place == verify.PlaceForeign {
			return s.find("meta_in_body", problem.FactWhere, "the body")
		}
	}
	return nil
}

// headClosedEarly: in the source the tag stands before </head>, and something
// ends the head before it (cause F80).
func headClosedEarly(_ context.Context, s *scene) *verify.Finding {
	body, _ := s.page()
	inBody := false
	for _, t := range s.rightTags() {
		inBody = inBody || t.Place == verify.PlaceBody
	}
	if !inBody {
		return nil
	}
	end := bytes.Index(bytes.ToLower(body), []byte("</head"))
	tag := bytes.Index(body, []byte(s.want.token))
	if end < 0 || tag < 0 || tag > end {
		return nil
	}
	got, line := headEnder(body[:end])
	if got == "" {
		return nil
	}
	return s.find("meta_head_closed_early", problem.FactGot, got, problem.FactDetail, line)
}

// headEnder finds the first thing in a head that cannot be there: an element
// that HTML does not allow in a head, or text (HTML standard, section
// 13.2.6.4.4).
func headEnder(head []byte) (got, detail string) {
	z := html.NewTokenizer(bytes.NewReader(head))
	line := 1
	for {
		kind := z.Next()
		raw := string(z.Raw())
		at := line
		line += strings.Count(raw, "\n")
		switch kind {
		case html.ErrorToken:
			return "", ""
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			switch a := atom.Lookup(name); a {
			case atom.Html, atom.Head:
			case atom.Base, atom.Basefont, atom.Bgsound, atom.Link, atom.Meta, atom.Title, atom.Style, atom.Script, atom.Noscript, atom.Template, atom.Noframes:
				if a == atom.Title || a == atom.Style || a == atom.Script || a == atom.Noscript || a == atom.Template || a == atom.Noframes {
					line += skipTo(z, a)
				}
			default:
				return clip(raw), "It is in line " + strconv.Itoa(at) + " of the page."
			}
		case html.TextToken:
			if t := strings.TrimSpace(raw); t != "" {
				return clip(t), "It is in line " + strconv.Itoa(at) + " of the page."
			}
		}
	}
}

// skipTo reads up to the end of an element and returns the lines passed.
func skipTo(z *html.Tokenizer, a atom.Atom) int {
	lines := 0
	for {
		kind := z.Next()
		lines += bytes.Count(z.Raw(), []byte("\n"))
		if kind == html.ErrorToken {
			return lines
		}
		if kind == html.EndTagToken {
			if name, _ := z.TagName(); atom.Lookup(name) == a {
				return lines
			}
		}
	}
}

// metaSwitchedOff: the tag is in a comment, template, noscript or in a text
// (cause F82).
func metaSwitchedOff(_ context.Context, s *scene) *verify.Finding {
	for _, t := range s.rightTags() {
		switch t.Place {
		case verify.PlaceComment:
			return s.find("meta_in_comment_or_template", problem.FactWhere, "a comment")
		case verify.PlaceTemplate:
			return s.find("meta_in_comment_or_template", problem.FactWhere, "a template")
		case verify.PlaceNoscript:
			return s.find("meta_in_comment_or_template", problem.FactWhere, "noscript")
		case verify.PlaceText:
			if t.Inside != "script" {
				return s.find("meta_in_comment_or_template", problem.FactWhere, "the text of the element "+t.Inside)
			}
		}
	}
	return nil
}

// metaByScript: the page is a shell that a script fills, or a script writes
// the tag (cause F81).
func metaByScript(_ context.Context, s *scene) *verify.Finding {
	_, p := s.page()
	if p == nil || s.plain() != "meta_missing" {
		return nil
	}
	for _, t := range s.rightTags() {
		if t.Place == verify.PlaceText && t.Inside == "script" {
			return s.find("meta_needs_javascript", problem.FactProduct, "a script in the page holds the tag")
		}
	}
	if product := shell(p.Doc); product != "" {
		return s.find("meta_needs_javascript", problem.FactProduct, product)
	}
	return nil
}

// roots are the empty elements that frameworks fill in the browser.
var roots = map[string]string{
	"root": "React or the like", "app": "Vue or the like", "__next": "Next.js", "__nuxt": "Nuxt", "___gatsby": "Gatsby",
	"svelte": "Svelte", "app-root": "Angular", "q-app": "Quasar", "main-app": "a framework", "react-root": "React",
}

// shell recognises a page without any text of its own: an empty element for a
// framework, and scripts.
func shell(doc *html.Node) string {
	if doc == nil {
		return ""
	}
	product, scripts, text := "", 0, 0
	for n := range doc.Descendants() {
		switch n.Type {
		case html.ElementNode:
			if n.DataAtom == atom.Script {
				scripts++
			}
			id := n.Data
			for _, a := range n.Attr {
				if a.Key == "id" {
					id = a.Val
				}
			}
			if name, ok := roots[id]; ok && (n.DataAtom == atom.Div || n.DataAtom == atom.Main || n.Data == id) {
				product = name
			}
		case html.TextNode:
			switch p := n.Parent; {
			case p == nil:
			case p.DataAtom == atom.Script, p.DataAtom == atom.Style, p.DataAtom == atom.Title, p.DataAtom == atom.Noscript:
			default:
				text += len(strings.TrimSpace(n.Data))
			}
		}
	}
	if scripts == 0 || text > 100 {
		return ""
	}
	return product
}

// metaAttribute: the right content under a wrong attribute or name (cause
// F84).
func metaAttribute(_ context.Context, s *scene) *verify.Finding {
	_, p := s.page()
	if p == nil {
		return nil
	}
	for _, t := range p.Tags {
		if t.Place != verify.PlaceHead {
			continue
		}
		content := zonehold.EqualToken(verify.TrimInvisible(t.Content), s.want.token)
		value := zonehold.EqualToken(verify.TrimInvisible(t.Value), s.want.token)
		if content && !s.named(t) || value && !content {
			return s.find("meta_attribute_wrong", problem.FactGot, t.String(), problem.FactDetail, s.ch.Tag.HTML)
		}
	}
	return nil
}

// metaQuoted: quote marks became part of the name or the content (cause F85).
func metaQuoted(_ context.Context, s *scene) *verify.Finding {
	body, p := s.page()
	if p == nil {
		return nil
	}
	for _, t := range p.Tags {
		if t.Place != verify.PlaceHead {
			continue
		}
		name, content := strip(t.Name, quoteMarks+curly), strip(t.Content, quoteMarks+curly)
		bare := verify.MetaTag{Key: t.Key, Name: name}
		if s.named(bare) && (name != t.Name || content != t.Content) && zonehold.EqualToken(verify.TrimInvisible(content), s.want.token) {
			got := t.Content
			if content == t.Content {
				got = t.Name
			}
			return s.find("meta_value_quoted", problem.FactGot, got)
		}
		// The whole tag was put into a field for its content.
		if s.named(t) && s.want.holds(t.Content) && strings.Contains(strings.ToLower(t.Content), "<meta") {
			return s.find("meta_value_quoted", problem.FactGot, clip(t.Content))
		}
	}
	// An editor that escapes what is pasted leaves the tag as text.
	if escaped := []byte("&lt;meta"); bytes.Contains(bytes.ToLower(body), escaped) && s.want.holds(string(body)) && len(s.rightTags()) == 0 {
		return s.find("meta_value_quoted", problem.FactGot, "&lt;meta …")
	}
	return nil
}

// metaOldToken: the tag carries a retired token (cause F37).
func metaOldToken(_ context.Context, s *scene) *verify.Finding {
	_, p := s.page()
	if p == nil {
		return nil
	}
	for _, t := range p.Tags {
		if t.Place == verify.PlaceHead && s.named(t) {
			if date, ok := s.want.isOld(t.Content); ok {
				return s.find("token_old", problem.FactGot, clip(t.Content), problem.FactOldDate, date)
			}
		}
	}
	return nil
}

// metaOtherToken: the tag is that of another claim (cause F38).
func metaOtherToken(ctx context.Context, s *scene) *verify.Finding {
	_, p := s.page()
	other := s.otherClaims()
	if p == nil || other == nil {
		return nil
	}
	for _, t := range p.Tags {
		c := verify.TrimInvisible(t.Content)
		if t.Place == verify.PlaceHead && s.named(t) && zonehold.ValidToken(s.claim.Profile, c) && c != s.want.token && other(ctx, c) {
			return s.find("token_of_other_claim", problem.FactGot, "")
		}
	}
	return nil
}

// metaPlaceholder: the tag of an example was pasted (cause F47).
func metaPlaceholder(_ context.Context, s *scene) *verify.Finding {
	_, p := s.page()
	if p == nil {
		return nil
	}
	w := s.want
	w.bare = true
	for _, t := range p.Tags {
		if t.Place == verify.PlaceHead && s.named(t) && w.placeholder(t.Content) {
			return s.find("value_placeholder", problem.FactGot, clip(t.Content))
		}
	}
	return nil
}

// metaRedirected: another host shows the home page (cause F86).
func metaRedirected(_ context.Context, s *scene) *verify.Finding {
	f := s.telling()
	if s.ch.Tag == nil || s.verified() || f == nil {
		return nil
	}
	if f.Err != nil {
		if f.Err.Kind != web.KindRedirectOffSite {
			return nil
		}
		to, err := url.Parse(f.Hops[len(f.Hops)-1].Location)
		if err != nil || to.Hostname() == "" {
			return nil
		}
		return s.find("meta_page_redirects_away", problem.FactFinalURL, to.String(), problem.FactTarget, to.Hostname())
	}
	if len(f.Hops) < 2 || f.Status != 200 || s.plain() != "meta_missing" {
		return nil
	}
	to, err := url.Parse(f.URL())
	if err != nil {
		return nil
	}
	host, final := string(s.claim.Hostname), strings.ToLower(to.Hostname())
	if final == host || final == "www."+host || "www."+final == host {
		return nil
	}
	return s.find("meta_page_redirects_away", problem.FactFinalURL, f.URL(), problem.FactTarget, final)
}

// metaOtherPage looks at a few pages that the home page links to (cause F83).
func metaOtherPage(ctx context.Context, s *scene) *verify.Finding {
	_, p := s.page()
	if p == nil || s.plain() != "meta_missing" || len(s.rightTags()) > 0 {
		return nil
	}
	f := s.answered()
	for _, u := range links(f.URL(), p.Doc) {
		got := s.fetch(ctx, "", s.claim.Request(u))
		if s.right(got) {
			return s.find("meta_on_other_page", problem.FactWhere, u)
		}
	}
	return nil
}

// links are a few pages of the same host that the home page names, those of
// other languages first.
func links(base string, doc *html.Node) []string {
	from, err := url.Parse(base)
	if err != nil || doc == nil {
		return nil
	}
	var first, rest []string
	seen := map[string]bool{"/": true, from.Path: true}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.DataAtom != atom.A && n.DataAtom != atom.Link {
			continue
		}
		var href, rel string
		for _, a := range n.Attr {
			switch a.Key {
			case "href":
				href = a.Val
			case "rel":
				rel = strings.ToLower(a.Val)
			}
		}
		if n.DataAtom == atom.Link && rel != "alternate" && rel != "canonical" || len(href) > 500 {
			continue
		}
		to, err := from.Parse(href)
		if err != nil || !strings.EqualFold(to.Host, from.Host) || to.Scheme != from.Scheme || to.Path == "" || seen[to.Path] || !pageLike(to.Path) {
			continue
		}
		seen[to.Path] = true
		to.Fragment, to.RawQuery, to.User = "", "", nil
		if n.DataAtom == atom.Link || len(strings.Trim(to.Path, "/")) <= 5 {
			first = append(first, to.String())
		} else {
			rest = append(rest, to.String())
		}
	}
	out := append(first, rest...)
	return out[:min(len(out), 3)]
}

func pageLike(p string) bool {
	dot := strings.LastIndexByte(p, '.')
	if dot < strings.LastIndexByte(p, '/') {
		return true
	}
	switch strings.ToLower(p[dot:]) {
	case ".html", ".htm", ".php", ".asp", ".aspx":
		return true
	}
	return false
}
