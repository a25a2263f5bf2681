package probely

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

const maxHostname = 256 // characters, of the field

// hostname reads the field of that name: a name, or an address, which may
// carry a port. name is as typed, without the port; port is 0 without one.
func (in *input) hostname(required bool) (name string, port int, ok bool) {
	field := "hostname"
	if !in.has(field) && in.has("name") {
		// The word of one client; it counts where the right one is missing.
		in.values[field] = in.values["name"]
	}
	if !in.has(field) {
		if required {
			in.errs.add(field, textRequired)
		}
		return "", 0, false
	}
	s, ok := in.text(field, maxHostname, true)
	switch {
	case !ok:
		return "", 0, false
	case s == "":
		in.errs.add(field, textBlank)
		return "", 0, false
	case !matchHostname(strings.ToLower(s)):
		in.errs.add(field, textInvalid)
		return "", 0, false
	}
	name, digits := cutPort(s)
	if digits != "" {
		if port, _ = strconv.Atoi(digits); port < 1 || port > maxPort {
			in.errs.add(field, "The port in the host name is not one from 1 to 65535.")
			return "", 0, false
		}
	}
	return name, port, true
}

const maxPort = 65535

// cutPort splits ":" and two to five digits off the end.
func cutPort(s string) (name, digits string) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || len(s)-i-1 < 2 || len(s)-i-1 > 5 || !isDigits(s[i+1:]) {
		return s, ""
	}
	return s[:i], s[i+1:]
}

// matchHostname is the pattern that the vendor documents for hostname, which
// Go's regexp cannot hold (it looks around). It decides on characters, not on
// bytes:
//
//   - an address in brackets, of hexadecimal digits, colons and dots; or
//   - labels of 1 to 63 letters, digits and hyphens, none with a hyphen at
//     either end, the first one with underscores inside too; an IPv4 address
//     has that form;
//   - a final dot only after two labels and more, of which the last is a top
//     label: two characters and more without digits, or an A-label;
//   - then a port of two to five digits.
//
// A letter is one of a to z, or anything from U+00A1 to U+FFFF.
func matchHostname(s string) bool {
	s, _ = cutPort(s)
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return ok && inner != "" && strings.Trim(inner, "0123456789abcdef:.") == ""
	}
	s, rooted := strings.CutSuffix(s, ".")
	labels := strings.Split(s, ".")
	for i, label := range labels {
		if !matchLabel(label, i == 0) {
			return false
		}
	}
	return !rooted || len(labels) > 1 && matchTop(labels[len(labels)-1])
}

func matchLabel(label string, first bool) bool {
	n := utf8.RuneCountInString(label)
	if n < 1 || n > 63 {
		return false
	}
	i := 0
	for _, r := range label {
		inside := i > 0 && i < n-1
		i++
		switch {
		case isLetter(r), '0' <= r && r <= '9':
		case inside && (r == '-' || r == '_' && first):
		default:
			return false
		}
	}
	return true
}

// matchTop judges what matchLabel has passed.
func matchTop(label string) bool {
	if ace, ok := strings.CutPrefix(label, "xn--"); ok && ace != "" && strings.Trim(ace, "0123456789abcdefghijklmnopqrstuvwxyz") == "" {
		return true
	}
	return utf8.RuneCountInString(label) >= 2 && !strings.ContainsAny(label, "0123456789")
}

func isLetter(r rune) bool {
	// Bytes that are no UTF-8 read as U+FFFD; text() has refused them.
	return 'a' <= r && r <= 'z' || 0xa1 <= r && r <= 0xffff
}
