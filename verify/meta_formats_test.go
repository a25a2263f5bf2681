package verify

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

func TestWithoutFormats(t *testing.T) {
	for in, want := range map[string]string{
		"<b>x</b>":                 "<q>x</q>",
		"<B id=b>x</B >":           "<q id=b>x</q >",
		"<font\ncolor=red></font>": "<qqqq\ncolor=red></qqqq>",
		"<strike/><nobr><tt\t>":    "<qqqqqq/><qqqq><qq\t>",
		"<body><base><br><img><form><table><svg><script><style><section><meta>": "<body><base><br><img><form><table><svg><script><style><section><meta>",
		"<a href=x></a><b": "<a href=x></a><b",
		"< b></ b><//b>":   "< b></ b><//b>",
		"<<b>":             "<<q>",
		"":                 "",
	} {
		page := []byte(in)
		withoutFormats(page, asciiLower([]byte(in)))
		if string(page) != want {
			t.Errorf("%q became %q, want %q", in, page, want)
		}
	}
}

// Formatting elements that nobody closes are not opened again and again, and
// do not move a tag.
func TestMetaManyFormats(t *testing.T) {
	const tag = `<meta name="a" content="b">`
	var open strings.Builder
	for i := range 400 {
		fmt.Fprintf(&open, "<FONT a%d>", i)
	}
	body := "<p>" + open.String() + strings.Repeat("<p>x", 12_000)
	for page, head := range map[string]int{tag + body: 1, body + tag: 0, "<head><b>" + tag + "</b></head>" + body: 0} {
		given := []byte(page)
		p := ParseMeta(context.Background(), given)
		if got := p.Head("a"); len(got) != head || p.Err != nil {
			t.Errorf("Head = %q, %v", got, p.Err)
		}
		nodes := 0
		for range p.Doc.Descendants() {
			nodes++
		}
		if nodes > 40_000 {
			t.Errorf("%d nodes of %d bytes", nodes, len(page))
		}
		if string(given) != page {
			t.Error("the page was changed")
		}
	}
}

// A page of more tags than any page needs is read up to there.
func TestMetaManyTags(t *testing.T) {
	const tag = `<meta name="a" content="b">`
	for page, head := range map[string]int{tag + strings.Repeat("<p>", 200_000): 1, strings.Repeat("<link>", 100_000) + tag: 0} {
		p := ParseMeta(context.Background(), []byte(page))
		if got := p.Head("a"); len(got) != head || p.Err == nil {
			t.Errorf("Head = %q, %v", got, p.Err)
		}
	}
}
