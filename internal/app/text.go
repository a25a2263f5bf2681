package app

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSentence bounds a sentence in a reply, in characters.
const maxSentence = 400

// OneLine makes text fit for one line of a reply: white space becomes single
// spaces, control, format and invalid characters become U+FFFD (threat T15),
// and what is over the limit is cut off.
func OneLine(s string, limit int) string {
	if isPlain(s) && len(s) <= limit {
		return s
	}
	var b strings.Builder
	n, space := 0, false
	for _, r := range s {
		if unicode.IsSpace(r) {
			space = n > 0
			continue
		}
		if n >= limit {
			b.WriteRune('…')
			break
		}
		if space {
			b.WriteByte(' ')
			n++
			space = false
		}
		if !unicode.IsGraphic(r) {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// isPlain reports whether s is printable ASCII with single spaces inside, as
// nearly every text is.
func isPlain(s string) bool {
	space := true
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == ' ' && space {
			return false
		}
		space = s[i] == ' '
	}
	return s == "" || !space
}

// Sentence closes a text with a full stop, if it has no end of its own.
func Sentence(s string) string {
	s = OneLine(s, maxSentence)
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".!?:") || strings.HasSuffix(s, "…") {
		return s
	}
	return s + "."
}

// Fold breaks text at blanks into lines of at most width characters. A word
// that is longer stays whole, so that it can be copied.
func Fold(text string, width int) (lines []string) {
	line, length := "", 0
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		if length > 0 && length+1+n > width {
			lines = append(lines, line)
			line, length = "", 0
		}
		if length > 0 {
			line, length = line+" ", length+1
		}
		line, length = line+word, length+n
	}
	return append(lines, line)
}
