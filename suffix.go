package zonehold

import (
	"fmt"
	"strings"

	"github.com/weppos/publicsuffix-go/publicsuffix"
)

// The list of public suffixes is compiled in (publicsuffix.org, both
// sections); SuffixListVersion says how old it is.
const SuffixListVersion = publicsuffix.ListVersion

// suffix returns the public suffix of name and the rule it comes from, nil
// where the list does not know the top-level domain: the suffix is then the
// last label, as the algorithm's default rule "*" says.
func (h Hostname) suffix() (string, *publicsuffix.Rule) {
	name := string(h)
	rule := publicsuffix.DefaultList.Find(name, &publicsuffix.FindOptions{})
	labels := 1
	if rule != nil {
		labels = rule.Length
		if rule.Type == publicsuffix.ExceptionType {
			labels-- // "!www.ck": the suffix is what is below the exception
		}
	}
	start := len(name)
	for range labels {
		dot := strings.LastIndexByte(name[:start], '.')
		if dot < 0 {
			return name, rule
		}
		start = dot
	}
	return name[start+1:], rule
}

// PublicSuffix returns the longest suffix of h under which anybody may
// register names: "com", "co.uk", "github.io". icann is true for suffixes of
// the ICANN section of the list, false for those of the PRIVATE section and
// for a top-level domain that the list does not know (see KnownTLD). The
// suffix of a public suffix is itself.
func (h Hostname) PublicSuffix() (suffix string, icann bool) {
	suffix, rule := h.suffix()
	return suffix, rule != nil && !rule.Private
}

// KnownTLD reports whether the list has a rule for the top-level domain.
// Unknown ones are made up, private to a network, or newer than the list
// (threat T35).
func (h Hostname) KnownTLD() bool {
	top := string(h)[strings.LastIndexByte(string(h), '.')+1:]
	if publicsuffix.DefaultList.Find(top, &publicsuffix.FindOptions{}) != nil {
		return true
	}
	// "*.ck" knows ck, though it says nothing of ck itself.
	return publicsuffix.DefaultList.Find("x."+top, &publicsuffix.FindOptions{}) != nil
}

// IsPublicSuffix reports whether h is a suffix of the list, of either
// section.
func (h Hostname) IsPublicSuffix() bool {
	suffix, rule := h.suffix()
	return suffix == string(h) && (rule != nil || !strings.Contains(suffix, "."))
}

// Registrable returns the name one label below the public suffix: what
// somebody registered. It is "" and false for a public suffix. Under an
// unknown top-level domain it is the last two labels.
func (h Hostname) Registrable() (string, bool) {
	suffix, _ := h.suffix()
	rest, ok := strings.CutSuffix(string(h), "."+suffix)
	if !ok {
		return "", false
	}
	return rest[strings.LastIndexByte(rest, '.')+1:] + "." + suffix, true
}

// CheckClaim returns a *HostnameError with code domain_is_public_suffix if
// nobody can own h: it is a public suffix of either section (Baseline
// Requirements 3.2.2.6; draft domain-verification-techniques on public
// suffixes).
func (h Hostname) CheckClaim() error {
	if !h.IsPublicSuffix() {
		return nil
	}
	kind := "a suffix under which anybody can register names"
	if _, icann := h.PublicSuffix(); !icann {
		kind = "a suffix under which a provider gives names to its customers"
	}
	return &HostnameError{Code: CodeDomainIsPublicSuffix, Reason: "public_suffix", Input: quote(string(h)),
		Detail: fmt.Sprintf("%s is %s, so control of it says nothing about what is below. Give a name below it, such as example.%s.", h, kind, h)}
}
