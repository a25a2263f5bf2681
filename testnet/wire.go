package testnet

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// wireName is a domain name in lower-case, uncompressed wire form. It is the
// key of every map of names here: unlike presentation form it has one
// spelling per name, and its parents are its suffixes.
type wireName string

const rootName wireName = "\x00"

// toWire packs an absolute name in presentation form.
func toWire(name string) (wireName, error) {
	var buf [256]byte
	end, err := dns.PackDomainName(dns.Fqdn(name), buf[:], 0, nil, false)
	if err != nil {
		return "", fmt.Errorf("name %q: %w", name, err)
	}
	lowerWire(buf[:end])
	return wireName(buf[:end]), nil
}

// lowerWire folds ASCII letters. Length octets are below 64 and stay.
func lowerWire(b []byte) {
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
}

// String is the presentation form with the final dot.
func (w wireName) String() string {
	s, _, err := dns.UnpackDomainName([]byte(w), 0)
	if err != nil {
		return "."
	}
	return s
}

// parent of a name; the root is its own parent.
func (w wireName) parent() wireName {
	if len(w) <= 1 {
		return rootName
	}
	return w[int(w[0])+1:]
}

// within reports whether w is zone or below it.
func (w wireName) within(zone wireName) bool {
	for n := w; ; n = n.parent() {
		if len(n) < len(zone) {
			return false
		}
		if len(n) == len(zone) {
			return n == zone
		}
	}
}

// below reports whether w is strictly below zone.
func (w wireName) below(zone wireName) bool { return w != zone && w.within(zone) }

// child is label.w.
func (w wireName) child(label string) wireName {
	return wireName(string(rune(len(label)))+label) + w
}

// trimDot is the name as people write it.
func trimDot(name string) string {
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}
