package zonehold

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Hostname is a checked DNS name: lower-case A-labels, no final dot, at least
// two labels, not an address in any disguise. Make one with ParseHostname.
type Hostname string

// Bounds of a name (RFC 1035 section 2.3.4). maxInput bounds what is looked
// at: no spelling of a valid name in Unicode is longer.
const (
	MaxHostname = 253 // octets, without the final dot
	MaxLabel    = 63  // octets
	maxInput    = 1024
)

// Catalogue codes of a refused hostname.
const (
	CodeHostnameInvalid      = "hostname_invalid"
	CodeHostnameIDNVariant   = "hostname_idn_variant"
	CodeDomainIsPublicSuffix = "domain_is_public_suffix"
)

// HostnameError says why a text is not a name that can be claimed.
type HostnameError struct {
	Code       string // catalogue code
	Reason     string // finer and stable, e.g. "scheme", "ip_address", "label_too_long"
	Input      string // what was given, quoted and cut: safe to show
	Detail     string // what is wrong and what to change, in sentences
	Suggestion string // the name that was probably meant; "" if unknown
}

func (e *HostnameError) Error() string { return e.Input + " is not accepted: " + e.Detail }

// ParseHostname checks s and returns its canonical form. It accepts upper
// case, one final dot, and Unicode whose mapping to A-labels changes nothing
// but case and composition (threats T6, T7). Everything else, white space
// included, is refused with a *HostnameError. Public suffixes and unknown
// top-level domains pass; see CheckClaim and KnownTLD.
//
// The characters are those of the Probely dialect's pattern: letters, digits
// and hyphens in every label, an underscore inside the first label, and a top
// label of two or more letters and hyphens, or an A-label.
func ParseHostname(s string) (Hostname, error) {
	h, err := parseHostname(s)
	if err != nil {
		err.Input = quote(s)
		if err.Suggestion == "" {
			err.Suggestion = suggest(s)
			if err.Suggestion != "" {
				err.Detail += fmt.Sprintf(" Did you mean %s?", err.Suggestion)
			}
		}
		return "", err
	}
	return h, nil
}

func parseHostname(s string) (Hostname, *HostnameError) {
	switch {
	case s == "":
		return "", invalid("empty", "No name was given. Give a domain such as example.com.")
	case len(s) > maxInput:
		return "", invalid("too_long", "A name has at most %d characters, this has %d.", MaxHostname, len(s))
	case !utf8.ValidString(s):
		return "", invalid("not_utf8", "The text is not valid UTF-8. Send the name in UTF-8 or in its xn-- form.")
	}
	if err := checkShape(s); err != nil {
		return "", err
	}
	name := strings.TrimSuffix(s, ".")
	ascii, err := toASCII(name)
	if err != nil {
		return "", err
	}
	if err := checkName(ascii); err != nil {
		if ascii != lowerASCII(name) && err.Reason == "ip_address" {
			err.Detail = fmt.Sprintf("Written plainly this is %s. %s", quote(ascii), err.Detail)
		}
		return "", err
	}
	return Hostname(ascii), nil
}

// checkShape finds what is more than a name, so that each slip gets its own
// sentence.
func checkShape(s string) *HostnameError {
	for _, r := range s {
		switch {
		case r == 0:
			return invalid("control_character", "The name contains a NUL character. Remove it.")
		case r < 0x20 && r != '\t' && r != '\n' && r != '\r', r >= 0x7f && r < 0xa0 && r != 0x85:
			return invalid("control_character", "The name contains the control character U+%04X. Remove it.", r)
		case r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == 0x85 || r == 0xa0:
			return invalid("space", "The name contains white space. Remove it; give one name.")
		}
	}
	switch {
	case strings.Contains(s, "://"):
		return invalid("scheme", "Give example.com, not https://example.com/.")
	case strings.Contains(s, "@"):
		return invalid("userinfo", "Give only the domain, without an @ and what stands before it.")
	case strings.ContainsAny(s, `/\?#`):
		return invalid("path", "Give only the host name, without a path: example.com, not example.com/page.")
	case strings.ContainsAny(s, "[]") || strings.Count(s, ":") > 1:
		return invalid("ip_address", "This is an IP address. Control of an address cannot be proved here; give a domain name.")
	case strings.Contains(s, ":"):
		return invalid("port", "Give the name without a port: example.com, not example.com:8443. A port is a setting of its own.")
	case strings.Contains(s, "*"):
		return invalid("wildcard", "Give the domain without a wildcard: example.com, not *.example.com. A DNS proof of a domain covers what is below it.")
	}
	return nil
}

// checkName applies the rules to an ASCII name in lower case.
func checkName(s string) *HostnameError {
	if s == "" {
		return invalid("empty_label", "The name consists of dots only. Give a domain such as example.com.")
	}
	labels := strings.Split(s, ".")
	last := len(labels) - 1
	if endsInNumber(labels[last]) {
		if _, err := netip.ParseAddr(s); err == nil {
			return invalid("ip_address", "This is an IP address. Control of an address cannot be proved here; give a domain name.")
		}
		return invalid("ip_address", "A name that ends in a number is read as an IP address by many programs. Give a domain name.")
	}
	for i, label := range labels {
		if err := checkLabel(label, i == 0, i == last && last > 0); err != nil {
			return err
		}
	}
	if last == 0 {
		if _, icann := Hostname(s).PublicSuffix(); icann {
			return &HostnameError{Code: CodeDomainIsPublicSuffix, Reason: "top_level_domain",
				Detail: fmt.Sprintf("%s is a top-level domain, shared by everybody who registers names in it. Give a name below it, such as example.%s.", s, s)}
		}
		return invalid("one_label", "%s has only one part. A domain has at least two, such as example.com.", s)
	}
	if len(s) > MaxHostname {
		return invalid("too_long", "A name has at most %d characters, this has %d.", MaxHostname, len(s))
	}
	return nil
}

func checkLabel(label string, first, top bool) *HostnameError {
	switch {
	case label == "":
		return invalid("empty_label", "There are two dots in a row, or a dot at the beginning. Remove the superfluous dot.")
	case len(label) > MaxLabel:
		return invalid("label_too_long", "The part %s has %d characters; at most %d are possible between two dots.", quote(label), len(label), MaxLabel)
	}
	for i := range len(label) {
		c := label[i]
		switch {
		case 'a' <= c && c <= 'z', c == '-':
		case '0' <= c && c <= '9':
			if top && !strings.HasPrefix(label, acePrefix) {
				return invalid("top_level_domain", "No top-level domain contains a digit, and %s does. Check the end of the name.", quote(label))
			}
		case c == '_':
			if !first || i == 0 || i == len(label)-1 {
				return invalid("underscore", "An underscore is possible only inside the first part of a host name. Give the domain itself, not the name of a record.")
			}
		default:
			return invalid("character", "The character %s cannot be part of a name. Letters, digits and hyphens can.", quote(string(rune(c))))
		}
	}
	switch {
	case label[0] == '-' || label[len(label)-1] == '-':
		return invalid("hyphen", "The part %s begins or ends with a hyphen. Remove it.", quote(label))
	case top && len(label) < 2:
		return invalid("top_level_domain", "A top-level domain has at least two letters, and %s has one. Check the end of the name.", quote(label))
	}
	return nil
}

// endsInNumber is the test of the WHATWG URL standard (section 3.5, "ends in
// a number"): such a host is parsed as an IPv4 address by browsers, and by
// system resolvers (threat T6).
func endsInNumber(label string) bool {
	if label == "" {
		return false
	}
	digits := "0123456789"
	if strings.HasPrefix(label, "0x") {
		label, digits = label[2:], "0123456789abcdef"
	}
	return strings.Trim(label, digits) == ""
}

// suggest peels what people paste around a name, and returns the name if what
// is left is one.
func suggest(s string) string {
	if len(s) > maxInput || !utf8.ValidString(s) {
		return ""
	}
	t := strings.TrimSpace(s)
	if _, after, ok := strings.Cut(t, "://"); ok {
		t = after
	}
	if i := strings.IndexAny(t, `/\?#`); i >= 0 {
		t = t[:i]
	}
	t = t[strings.LastIndexByte(t, '@')+1:]
	if host, port, ok := strings.Cut(t, ":"); ok && strings.Trim(port, "0123456789") == "" {
		t = host
	}
	t = strings.Trim(strings.TrimPrefix(t, "*"), ".")
	if t == s {
		return ""
	}
	h, err := parseHostname(t)
	if err != nil {
		return ""
	}
	return string(h)
}

func invalid(reason, format string, args ...any) *HostnameError {
	return &HostnameError{Code: CodeHostnameInvalid, Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// quote makes foreign text safe to show: invisible and control characters are
// escaped, and at most 100 characters are kept.
func quote(s string) string {
	const limit = 100
	n := 0
	for i := range s {
		if n == limit {
			return strconv.Quote(s[:i]) + "…"
		}
		n++
	}
	return strconv.Quote(s)
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// String returns the A-label form.
func (h Hostname) String() string { return string(h) }

// Labels returns the parts between the dots, the top-level domain last.
func (h Hostname) Labels() []string { return strings.Split(string(h), ".") }

// Under reports whether h lies below parent, at any depth. A name is not
// under itself.
func (h Hostname) Under(parent Hostname) bool {
	return parent != "" && strings.HasSuffix(string(h), "."+string(parent))
}

// RelativeTo is h as a panel for zone wants it; see RelativeName.
func (h Hostname) RelativeTo(zone string) string { return RelativeName(string(h), zone) }

// RelativeName is the name of a record as a panel that appends zone wants it:
// "@" for the zone itself, and the whole name where it is not in the zone.
func RelativeName(name, zone string) string {
	if name == zone {
		return "@"
	}
	if rel, ok := strings.CutSuffix(name, "."+zone); ok && zone != "" {
		return rel
	}
	return name
}
