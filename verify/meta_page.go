package verify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf16"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// MetaPlace says where in a page a tag stands.
type MetaPlace string

const (
	PlaceHead     MetaPlace = "head"     // a direct child of html > head: the only place that counts
	PlaceBody     MetaPlace = "body"     // anywhere in the body, or nested in the head
	PlaceNoscript MetaPlace = "noscript" // inside noscript
	PlaceTemplate MetaPlace = "template" // inside template
	PlaceForeign  MetaPlace = "foreign"  // inside svg or math
	PlaceComment  MetaPlace = "comment"  // in a comment
	PlaceText     MetaPlace = "text"     // in the text of a title, script, style, textarea or the like
)

// MetaTag is a meta element, or what looks like one where none can be.
type MetaTag struct {
	Key     string // the attribute that names it: "name", "property", "itemprop", "http-equiv" or ""
	Name    string // its value, as written
	Content string // of content
	Value   string // of value, an attribute that meta does not have
	Place   MetaPlace
	Inside  string // the element or, for PlaceComment, the comment that holds it
}

// String is the tag as a person would write it, attributes in a fixed order.
func (t MetaTag) String() string {
	var b strings.Builder
	b.WriteString("<meta")
	for _, a := range [][2]string{{t.Key, t.Name}, {"content", t.Content}, {"value", t.Value}} {
		if a[0] != "" && a[1] != "" {
			b.WriteString(" " + a[0] + `="` + a[1] + `"`)
		}
	}
	return b.String() + ">"
}

// Named reports whether the tag has that name, as HTML compares the names of
// metadata: without regard to ASCII case.
func (t MetaTag) Named(name string) bool {
	return t.Key == "name" && strings.EqualFold(strings.Trim(t.Name, htmlSpace), name)
}

// MetaPage is what a page says in its meta elements.
type MetaPage struct {
	Tags []MetaTag // in document order, at most maxMetaTags
	// HeadEnded is false when the page stopped, or was cut, inside its head.
	HeadEnded bool
	// Doc is the tree of the page, or of the part read if Err is set; nil if
	// not even that could be read.
	Doc *html.Node
	// Err says why only the beginning of the page was read: nesting,
	// repetition or work beyond what any page needs.
	Err error
}

const (
	htmlSpace   = " \t\r\n\f"
	maxMetaTags = 1000
	// The parser takes quadratic time over some pages: it merges the attributes
	// of every further html and body element into the first, and searches
	// through what is open. No honest page comes near these limits.
	maxParse   = time.Second
	maxRoots   = 20 // start tags of html, and as many of body
	maxTags    = 50_000
	parseChunk = 512
	bom        = "\xef\xbb\xbf"
)

// ParseMeta reads the meta elements of a page by the HTML5 rules (threat
// T32): what a person sees in the source is not what counts, a stray element
// in the head ends it. The page is UTF-8, or UTF-16 with a byte order mark.
func ParseMeta(ctx context.Context, page []byte) *MetaPage {
	page = bytes.Clone(decodeUTF16(page))
	out := new(MetaPage)
	lower := asciiLower(page)
	withoutFormats(page, lower)
	size, rest := len(page), nthTag(lower, maxTags)
	page, lower = page[:rest], lower[:rest]
	out.HeadEnded = bytes.Contains(lower, []byte("</head")) || bytes.Contains(lower, []byte("<body"))
	out.Doc, out.Err = parsePage(ctx, page, lower)
	if out.Err != nil {
		// An absurd body need not hide a good head.
		end := bytes.Index(lower, []byte("</head"))
		if end < 0 || ctx.Err() != nil {
			return out
		}
		var err error
		if out.Doc, err = parsePage(ctx, page[:end], lower[:end]); err != nil {
			return out
		}
	}
	if out.Err == nil && rest < size {
		out.Err = errors.New("html: too many tags")
	}
	for n := range out.Doc.Descendants() {
		if len(out.Tags) >= maxMetaTags {
			break
		}
		switch n.Type {
		case html.ElementNode:
			if n.DataAtom == atom.Meta || n.Data == "meta" {
				t := readMeta(n.Attr)
				t.Place = placeOf(n)
				if n.Parent != nil {
					t.Inside = n.Parent.Data
				}
				out.Tags = append(out.Tags, t)
			}
		case html.CommentNode:
			out.Tags = appendRawMeta(out.Tags, n.Data, PlaceComment, "comment")
		case html.TextNode:
			place, inside := PlaceText, ""
			if p := n.Parent; p != nil {
				inside = p.Data
				if p.DataAtom == atom.Noscript {
					place = PlaceNoscript
				}
			}
			out.Tags = appendRawMeta(out.Tags, n.Data, place, inside)
		}
	}
	return out
}

// parsePage parses within the limits; lower is page in lower case.
func parsePage(ctx context.Context, page, lower []byte) (*html.Node, error) {
	if bytes.Count(lower, []byte("<html")) > maxRoots || bytes.Count(lower, []byte("<body")) > maxRoots {
		return nil, errors.New("html: too many root elements")
	}
	ctx, cancel := context.WithTimeout(ctx, maxParse)
	defer cancel()
	return html.Parse(&ctxReader{ctx: ctx, r: bytes.NewReader(page)})
}

// Head returns the contents of the tags of that name that count.
func (p *MetaPage) Head(name string) []string {
	var out []string
	for _, t := range p.Tags {
		if t.Place == PlaceHead && t.Named(name) {
			out = append(out, t.Content)
		}
	}
	return out
}

func readMeta(attrs []html.Attribute) MetaTag {
	var t MetaTag
	var seen = map[string]bool{}
	for _, a := range attrs {
		if a.Namespace != "" || seen[a.Key] {
			continue // the first of two equal attributes counts
		}
		seen[a.Key] = true
		switch a.Key {
		case "name":
			t.Key, t.Name = "name", a.Val
		case "property", "itemprop", "http-equiv":
			if t.Key == "" {
				t.Key, t.Name = a.Key, a.Val
			}
		case "content":
			t.Content = a.Val
		case "value":
			t.Value = a.Val
		}
	}
	return t
}

// placeOf tells where an element stands. Only html > head > meta counts.
func placeOf(n *html.Node) MetaPlace {
	head := n.Parent
	if n.Namespace == "" && head != nil && head.Type == html.ElementNode && head.DataAtom == atom.Head && head.Namespace == "" {
		if root := head.Parent; root != nil && root.DataAtom == atom.Html && root.Parent != nil && root.Parent.Type == html.DocumentNode {
			return PlaceHead
		}
	}
	if n.Namespace != "" {
		return PlaceForeign
	}
	for a := range n.Ancestors() {
		switch {
		case a.DataAtom == atom.Template:
			return PlaceTemplate
		case a.DataAtom == atom.Noscript:
			return PlaceNoscript
		case a.Namespace != "":
			return PlaceForeign
		}
	}
	return PlaceBody
}

// appendRawMeta finds what looks like a meta element in plain text. It serves
// diagnosis only.
func appendRawMeta(tags []MetaTag, text string, place MetaPlace, inside string) []MetaTag {
	if !strings.Contains(strings.ToLower(text), "<meta") {
		return tags
	}
	z := html.NewTokenizer(strings.NewReader(text))
	for len(tags) < maxMetaTags {
		switch z.Next() {
		case html.ErrorToken:
			return tags
		case html.StartTagToken, html.SelfClosingTagToken:
			tok := z.Token()
			if tok.DataAtom == atom.Meta {
				t := readMeta(tok.Attr)
				t.Place, t.Inside = place, inside
				tags = append(tags, t)
			}
		}
	}
	return tags
}

// decodeUTF16 turns a page with a UTF-16 byte order mark into UTF-8.
func decodeUTF16(b []byte) []byte {
	if len(b) < 2 {
		return b
	}
	var hi, lo int
	switch {
	case b[0] == 0xfe && b[1] == 0xff:
		hi, lo = 0, 1
	case b[0] == 0xff && b[1] == 0xfe:
		hi, lo = 1, 0
	default:
		return b
	}
	b = b[2:]
	units := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, uint16(b[hi])<<8|uint16(b[lo]))
	}
	return []byte(string(utf16.Decode(units)))
}

// asciiLower folds ASCII letters only, so that offsets stay those of b.
func asciiLower(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out[i] = c
	}
	return out
}

// ctxReader makes a parser stop when its time is over.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p[:min(len(p), parseChunk)])
}
