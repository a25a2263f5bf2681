package zonehold

import (
	"errors"
	"fmt"
	"strings"
)

// MailAddress is a checked mail address: a dot-atom, an @, and a domain name
// in lower-case A-labels. Make one with ParseMailAddress.
type MailAddress string

// Bounds of an address (RFC 5321 section 4.5.3.1; RFC 3696 erratum 1690).
const (
	MaxMailAddress = 254 // octets
	maxMailLocal   = 64  // octets before the @
)

// ErrMailAddress says that a text is not a mail address that is accepted.
var ErrMailAddress = errors.New("this is not a mail address of the form name@example.com")

// ParseMailAddress reads one address as typed. What is before the @ must be a
// dot-atom (RFC 5321 section 4.1.2) and keeps its case; what is behind it must
// be a host name, see ParseHostname. Quoted strings, comments, display names,
// address literals, white space and everything outside of ASCII before the @
// are refused with an ErrMailAddress, as mail systems disagree about them.
func ParseMailAddress(s string) (MailAddress, error) {
	bad := fmt.Errorf("%w: %s", ErrMailAddress, quote(s))
	local, domain, ok := strings.Cut(s, "@")
	if !ok || len(s) > maxInput || !dotAtom(local) || strings.HasSuffix(domain, ".") || strings.Contains(domain, "_") {
		return "", bad
	}
	host, err := ParseHostname(domain)
	if err != nil {
		return "", bad
	}
	a := MailAddress(local + "@" + string(host))
	if len(a) > MaxMailAddress {
		return "", bad
	}
	return a, nil
}

// dotAtom checks the Dot-string of RFC 5321 section 4.1.2.
func dotAtom(s string) bool {
	if len(s) > maxMailLocal {
		return false
	}
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for _, r := range atom {
			if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)) {
				return false
			}
		}
	}
	return true
}

// Local is what stands before the @.
func (a MailAddress) Local() string {
	local, _, _ := strings.Cut(string(a), "@")
	return local
}

// Domain is the name behind the @. It says where the mail goes, never which
// domain an account controls (threat T39).
func (a MailAddress) Domain() Hostname {
	_, domain, _ := strings.Cut(string(a), "@")
	return Hostname(domain)
}

// Key is the form in which addresses are compared and counted: no mail system
// in use tells mailboxes apart by their case.
func (a MailAddress) Key() string { return lowerASCII(string(a)) }
