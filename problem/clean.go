package problem

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes foreign text safe to show on one line: C0, C1, bidi and
// invisible characters become visible escapes, invalid UTF-8 \xNN, and the
// result is cut at limit characters, the last of which is then "…". Clean
// text stays as it is. Sinks still escape for themselves: "<" is no business
// of Clean.
func Clean(s string, limit int) string {
	var b strings.Builder
	count, cut := 0, 0 // characters written; bytes that fit beside the ellipsis
	for i, r := range s {
		piece := string(r)
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], piece) {
			piece = fmt.Sprintf(`\x%02x`, s[i])
		} else if hidden(r) {
			piece = escape(r)
		}
		n := utf8.RuneCountInString(piece)
		if count+n > limit {
			if limit < 1 {
				return ""
			}
			return b.String()[:cut] + "…"
		}
		b.WriteString(piece)
		count += n
		if count < limit {
			cut = b.Len()
		}
	}
	return b.String()
}

// hidden reports characters that cannot be seen or that change how others
// are seen. U+0020 is the only white space that passes.
func hidden(r rune) bool {
	if !unicode.IsPrint(r) {
		return true // controls, formats, surrogates, private use, unassigned, other spaces
	}
	switch {
	case r == 0x034f, // combining grapheme joiner
		r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, // Hangul fillers
		r == 0x17b4, r == 0x17b5, // Khmer inherent vowels
		r >= 0x180b && r <= 0x180f,                               // Mongolian selectors
		r == 0x2800,                                              // blank Braille pattern
		r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0100 && r <= 0xe01ef: // variation selectors
		return true
	}
	return false
}

func escape(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}
