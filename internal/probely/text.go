package probely

import (
	"strings"
	"unicode"
)

// Bounds of texts in replies, in characters.
const (
	maxEcho = 300  // what the client sent
	maxPart = 400  // one part of a text
	maxText = 1000 // a text as a whole
)

// oneLine makes text fit for one line of a reply: white space becomes single
// spaces, control, format and invalid characters become U+FFFD (threat T15),
// and what is over the limit is cut off.
func oneLine(s string, limit int) string {
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

// sentence closes a text with a full stop, if it has no end of its own.
func sentence(s string) string {
	s = oneLine(s, maxPart)
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".!?:") || strings.HasSuffix(s, "…") {
		return s
	}
	return s + "."
}

// explain says in one line what is wrong and what was found. The whole
// diagnosis is in the native API.
func explain(title, found string) string {
	text := sentence(title)
	if found = sentence(found); found != "" && found != text {
		text += " " + found
	}
	return oneLine(text, maxText)
}
