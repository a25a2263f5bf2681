package verify

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// sameHTMLFile reports whether body is the small HTML file that holds text
// and nothing else: an optional doctype, html, a head with nothing but meta
// elements, and a body that is exactly text. Indentation, line ends and a byte
// order mark do not matter; copies in the wild differ in these and were
// accepted (contract yandex, section 6). It reads tokens, not a tree: a tree
// would supply the elements that a page lacks.
func sameHTMLFile(body []byte, text string) bool {
	z := html.NewTokenizer(bytes.NewReader(bytes.TrimPrefix(body, []byte(bom))))
	// The elements in the only order they may come; each step is one of them.
	const (
		start = iota
		afterDoctype
		inHTML
		inHead
		afterHead
		inBody
		afterBody
		afterHTML
	)
	state := start
	var content strings.Builder
	for {
		switch z.Next() {
		case html.ErrorToken:
			// The end tags of body and html may be missing in HTML, but then
			// the file is not the one that was handed out.
			return state == afterHTML && strings.Trim(content.String(), htmlSpace) == text
		case html.TextToken:
			if state == inBody {
				content.Write(z.Text())
				if content.Len() > len(text)+1024 {
					return false
				}
				continue
			}
			if len(bytes.Trim(z.Text(), htmlSpace)) > 0 {
				return false
			}
		case html.DoctypeToken:
			kind := strings.Fields(string(z.Text()))
			if state != start || len(kind) == 0 || !strings.EqualFold(kind[0], "html") {
				return false
			}
			state = afterDoctype
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			switch a := atom.Lookup(name); {
			case a == atom.Html && state <= afterDoctype:
				state = inHTML
			case a == atom.Head && state == inHTML:
				state = inHead
			case a == atom.Meta && state == inHead:
			case a == atom.Body && (state == inHTML || state == afterHead):
				state = inBody
			default:
				return false
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			switch a := atom.Lookup(name); {
			case a == atom.Head && state == inHead:
				state = afterHead
			case a == atom.Body && state == inBody:
				state = afterBody
			case a == atom.Html && state == afterBody:
				state = afterHTML
			default:
				return false
			}
		default: // a comment
			return false
		}
	}
}
