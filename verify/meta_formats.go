package verify

import "bytes"

// formats are the elements that the parser opens again in every block that
// follows, for as long as nobody closes them ("list of active formatting
// elements", HTML standard section 13.2.4.3). A page of a megabyte makes a tree
// of gigabytes of them. Links, which belong to the list too, end each other.
var formats = []string{"b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"}

// withoutFormats renames them in place, to elements that have no such rule:
// where a meta element stands does not depend on them. lower is the page
// in lower case, and left as it is.
func withoutFormats(page, lower []byte) {
	for at := 0; ; {
		next := bytes.IndexByte(lower[at:], '<')
		if next < 0 {
			return
		}
		at += next + 1
		name := bytes.TrimPrefix(lower[at:], []byte("/"))
		start := len(lower) - len(name)
		end := bytes.IndexAny(name[:min(len(name), 8)], " \t\r\n\f/>")
		if end < 0 {
			continue
		}
		for _, f := range formats {
			if string(name[:end]) == f {
				for i := start; i < start+end; i++ {
					page[i] = 'q' // alone it is an element without rules of its own
				}
				break
			}
		}
	}
}

// nthTag is where the n-th tag or comment of a page begins, or its end.
func nthTag(page []byte, n int) int {
	at := 0
	for range n {
		next := bytes.IndexByte(page[at:], '<')
		if next < 0 {
			return len(page)
		}
		at += next + 1
	}
	return at - 1
}
