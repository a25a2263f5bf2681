package zonehold

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

const acePrefix = "xn--"

// idnaProfile is UTS #46 non-transitional processing with the Bidi and joiner
// rules. Hyphens and ASCII characters are judged by checkLabel: names such as
// "r3---sn-x" exist, and the underscore has its own rule.
var idnaProfile = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.BidiRule(),
	idna.CheckJoiners(true),
	idna.CheckHyphens(false),
	idna.StrictDomainName(false),
)

// runeProfile judges single characters, without the rules that depend on
// neighbours.
var runeProfile = idna.New(idna.MapForLookup(), idna.CheckJoiners(false), idna.CheckHyphens(false), idna.StrictDomainName(false))

// toASCII returns the A-label form in lower case. What it returns still has
// to pass checkName: a mapping may produce dots, slashes or an address.
func toASCII(name string) (string, *HostnameError) {
	lower := lowerASCII(name)
	if isASCII(lower) && !strings.Contains("."+lower, "."+acePrefix) {
		return lower, nil
	}
	ascii, err := idnaProfile.ToASCII(lower)
	if err != nil {
		return "", idnError(lower)
	}
	mapped, err := idnaProfile.ToUnicode(ascii)
	if err != nil {
		return "", idnError(lower)
	}
	// An address in disguise is better named as such, by checkName.
	if labels := strings.Split(ascii, "."); endsInNumber(labels[len(labels)-1]) {
		return ascii, nil
	}
	typed, got := strings.Split(lower, "."), strings.Split(mapped, ".")
	same := len(typed) == len(got)
	for i := 0; same && i < len(typed); i++ {
		if strings.HasPrefix(typed[i], acePrefix) {
			if !roundTrips(typed[i]) {
				return "", invalid("a_label", "The part %s is not the xn-- form of any name. Check it, or give the name as it is written.", quote(typed[i]))
			}
			continue
		}
		same = sameSpelling(typed[i], got[i])
	}
	if !same {
		e := &HostnameError{Code: CodeHostnameIDNVariant, Reason: "idn_mapped",
			Detail: fmt.Sprintf("The name contains characters that stand for others, or that cannot be seen. Written plainly it is %s.", quote(mapped))}
		if checkName(ascii) == nil {
			e.Suggestion = ascii
			e.Detail += " Give that, if it is the name you mean."
		}
		return "", e
	}
	return ascii, nil
}

// sameSpelling reports whether mapping changed nothing but the case of
// letters and their composition (NFC).
func sameSpelling(typed, mapped string) bool {
	for _, r := range typed {
		// The Kelvin sign and its like: "case" that turns into ASCII.
		if r >= 0x80 && isASCII(norm.NFC.String(string(unicode.ToLower(r)))) {
			return false
		}
	}
	composed := norm.NFC.String(typed)
	if norm.NFC.String(strings.ToLower(composed)) == mapped {
		return true
	}
	// Cherokee folds to upper case.
	a, b := []rune(composed), []rune(mapped)
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && unicode.ToLower(a[i]) != b[i] && unicode.ToUpper(a[i]) != b[i] {
			return false
		}
	}
	return true
}

// roundTrips reports whether an xn-- label is what its Unicode form maps to,
// and that form holds no ASCII beyond letters, digits and hyphens.
func roundTrips(label string) bool {
	u, err := idnaProfile.ToUnicode(label)
	if err != nil || isASCII(u) {
		return false
	}
	for _, r := range u {
		if r < 0x80 && !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-') {
			return false
		}
	}
	a, err := idnaProfile.ToASCII(u)
	return err == nil && a == label
}

// idnError finds the part and the character that a mapping refused.
func idnError(name string) *HostnameError {
	for label := range strings.SplitSeq(name, ".") {
		if strings.HasPrefix(label, acePrefix) && !roundTrips(label) {
			return invalid("a_label", "The part %s is not the xn-- form of any name. Check it, or give the name as it is written.", quote(label))
		}
		for _, r := range label {
			if r < 0x80 || unicode.IsMark(r) {
				continue // a mark depends on what is before it
			}
			if _, err := runeProfile.ToASCII(string(r)); err != nil {
				return invalid("idn_character", "The character %s (U+%04X) cannot be part of a name.", quote(string(r)), r)
			}
		}
		if _, err := idnaProfile.ToASCII(label); err != nil {
			return invalid("idn_label", "The part %s is not allowed in an internationalised name: invisible joiners, marks at its beginning, or a wrong mixture of writing directions.", quote(label))
		}
	}
	return invalid("idn_label", "The name mixes writing directions in a way that is not allowed (RFC 5893).")
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// Unicode returns the name as people write it. Labels that could be taken for
// others (see Suspicious) stay in their xn-- form (threat T42).
func (h Hostname) Unicode() string {
	if !strings.Contains("."+string(h), "."+acePrefix) {
		return string(h)
	}
	labels := h.Labels()
	u := unicodeLabels(labels)
	for i := range labels {
		if !suspicious(u[i], u[len(u)-1]) {
			labels[i] = u[i]
		}
	}
	return strings.Join(labels, ".")
}

// Suspicious reports whether a label can be taken for another name: it mixes
// scripts that do not belong together, or consists only of letters that look
// like ASCII (threat T42). A warning, not a refusal.
func (h Hostname) Suspicious() bool {
	if !strings.Contains("."+string(h), "."+acePrefix) {
		return false
	}
	u := unicodeLabels(h.Labels())
	for _, label := range u {
		if suspicious(label, u[len(u)-1]) {
			return true
		}
	}
	return false
}

// unicodeLabels decodes label by label; a label that does not decode stays.
func unicodeLabels(labels []string) []string {
	out := make([]string, len(labels))
	for i, label := range labels {
		out[i] = label
		if strings.HasPrefix(label, acePrefix) && roundTrips(label) {
			out[i], _ = idnaProfile.ToUnicode(label)
		}
	}
	return out
}

// lookalikes are the letters of other alphabets, and of extended Latin, that
// most typefaces draw like an ASCII letter. Our own reading of the shapes.
const lookalikes = "абгеикморсухьԁһіјѕԛԝѵӏҽ" + // Cyrillic
	"αγικνορτυχωηϲϳ" + // Greek
	"ɑɡɩʋ" // Latin

func suspicious(label, top string) bool {
	if isASCII(label) {
		return false
	}
	scripts := map[string]bool{}
	alike, foreign := true, 0
	for _, r := range label {
		if name := scriptOf(r); name != "" {
			scripts[name] = true
		}
		if r >= 0x80 {
			foreign++
			alike = alike && strings.ContainsRune(lookalikes, r)
		}
	}
	if alike && foreign > 0 {
		// Under a top-level domain of its own script the label is at home.
		own := len(scripts) == 1
		for _, r := range top {
			own = own && !isASCII(top) && scripts[scriptOf(r)]
		}
		return !own
	}
	return !together(scripts)
}

// together reports whether scripts are commonly written together: one alone,
// or the East Asian mixtures (UTS #39 section 5.2, "highly restrictive").
func together(scripts map[string]bool) bool {
	if len(scripts) <= 1 {
		return true
	}
	for _, set := range []string{"Latin Han Hiragana Katakana", "Latin Han Bopomofo", "Latin Han Hangul"} {
		all := true
		for s := range scripts {
			all = all && strings.Contains(" "+set+" ", " "+s+" ")
		}
		if all {
			return true
		}
	}
	return false
}

// scriptOf names the script of a letter, "" for what all scripts share.
func scriptOf(r rune) string {
	if r < 0x80 {
		if 'a' <= r && r <= 'z' {
			return "Latin"
		}
		return ""
	}
	if unicode.In(r, unicode.Common, unicode.Inherited) {
		return ""
	}
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return name
		}
	}
	return "unknown"
}
