package verify

import (
	"strings"
	"unicode/utf8"

	"github.com/zonehold/zonehold"
)

// Match says how well a value fits.
type Match int

const (
	NoMatch      Match = iota
	TrimmedMatch       // only after outer white space or a byte order mark was taken off
	ExactMatch
)

// TXTValue compares the values of TXT records with the one that proves a
// claim. The zero value matches nothing.
type TXTValue struct {
	token, line string
	key         string // what stands before the token, lower case, without the separator
	keyValue    bool
	profile     zonehold.ProfileName
}

// NewTXTValue prepares the comparison. An unknown profile or an empty token
// makes one that matches nothing.
func NewTXTValue(profile zonehold.ProfileName, token string) TXTValue {
	p, ok := zonehold.ProfileByName(profile)
	if !ok || token == "" {
		return TXTValue{}
	}
	w := TXTValue{token: token, line: p.TXTValue(token), keyValue: p.TXT.KeyValue, profile: profile}
	w.key = strings.ToLower(strings.TrimRight(strings.TrimSuffix(w.line, token), " :="))
	return w
}

// Matches compares in constant time. Outer white space, a byte order mark and
// zero-width spaces do not matter: panels add them, and nobody can forge a
// secret by them.
func (w TXTValue) Matches(value string) Match {
	if w.equal(value) {
		return ExactMatch
	}
	if t := TrimInvisible(value); t != value && w.equal(t) {
		return TrimmedMatch
	}
	return NoMatch
}

func (w TXTValue) equal(value string) bool {
	if w.token == "" || len(value) < len(w.token) {
		return false
	}
	return zonehold.EqualToken(value, w.line) || w.keyValue && zonehold.EqualToken(tokenOf(value), w.token)
}

// tokenOf reads "token=<t>" or a bare "<t>", the form of RFC draft
// domain-verification-techniques section 5.1.2: space separated key=value,
// keys in any case, token first, at most one.
func tokenOf(value string) string {
	first, rest, _ := strings.Cut(value, " ")
	key, token, keyed := strings.Cut(first, "=")
	if !keyed {
		if rest != "" {
			return ""
		}
		return first
	}
	if !strings.EqualFold(key, "token") || strings.Contains(token, "=") {
		return ""
	}
	for _, pair := range strings.Fields(rest) {
		key, _, ok := strings.Cut(pair, "=")
		if !ok || key == "" || strings.EqualFold(key, "token") {
			return ""
		}
	}
	return token
}

// sameFamily reports whether a value is meant as a proof of this kind, for any
// claim and however mangled: at the name of a site many other services leave
// records.
func (w TXTValue) sameFamily(value string) bool {
	if w.keyValue || w.token == "" {
		return w.token != "" // the label is ours alone
	}
	v := strings.ToLower(value)
	return strings.Contains(v, w.key) || strings.Contains(v, strings.ToLower(w.token)) ||
		zonehold.ValidToken(w.profile, TrimInvisible(value))
}

// TrimInvisible cuts white space of every kind, byte order marks and
// zero-width characters off both ends. strings.TrimSpace alone leaves the
// last two.
func TrimInvisible(s string) string {
	for {
		t := strings.TrimSpace(s)
		if r, n := utf8.DecodeRuneInString(t); invisible(r) {
			t = t[n:]
		}
		if r, n := utf8.DecodeLastRuneInString(t); invisible(r) {
			t = t[:len(t)-n]
		}
		// A panel that writes Latin-1 sends a bare A0 for a hard space.
		t = strings.Trim(t, "\x00")
		t = strings.TrimSuffix(strings.TrimPrefix(t, "\xa0"), "\xa0")
		if t == s {
			return s
		}
		s = t
	}
}

func invisible(r rune) bool {
	switch r {
	case '\ufeff', '\u200b', '\u200c', '\u200d', '\u2060', '\u00ad', '\u200e', '\u200f':
		return true
	}
	return false
}
