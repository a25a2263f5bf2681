package dns

import (
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// Names are kept in presentation form, lower case, without the final dot; the
// root is "". Two names are equal exactly if their strings are, because every
// name is brought into the one form that reading it from a message gives.

const maxNameWire = 255 // RFC 1035 section 2.3.4

// normalName returns the normal form of a name and its wire form, in lower
// case. The error is ErrBadName.
func normalName(name string) (string, []byte, error) {
	wire, err := packName(name)
	if err != nil {
		return "", nil, err
	}
	if plain(name) {
		return fold(name), wire, nil
	}
	read, _, err := dns.UnpackDomainName(wire, 0)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrBadName, err)
	}
	return fold(read), wire, nil
}

// plain reports whether the presentation form needs no escape.
func plain(name string) bool {
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '*':
		default:
			return false
		}
	}
	return true
}

// fold lowers the case and cuts one final dot. It does not allocate for names
// in lower case.
func fold(name string) string {
	if n := len(name); n > 0 && name[n-1] == '.' && !escapedAt(name, n-1) {
		name = name[:n-1]
	}
	for i := range len(name) {
		if c := name[i]; 'A' <= c && c <= 'Z' {
			b := []byte(name)
			lowerASCII(b)
			return string(b)
		}
	}
	return name
}

func lowerASCII(b []byte) {
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + ('a' - 'A')
		}
	}
}

// escapedAt reports whether the byte at i follows an odd number of backslashes.
func escapedAt(name string, i int) bool {
	n := 0
	for i--; i >= 0 && name[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

// packName writes a name in presentation form as its wire form, in lower case,
// uncompressed. Escapes are those of RFC 1035 section 5.1.
func packName(name string) ([]byte, error) {
	if name == "" || name == "." {
		return []byte{0}, nil
	}
	if len(name) > 4*maxNameWire { // every byte escaped as \DDD
		return nil, fmt.Errorf("%w: too long", ErrBadName)
	}
	wire := make([]byte, 1, len(name)+2)
	label := 0 // where the length byte of the current label is
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c == '.' {
			if err := closeLabel(wire, label); err != nil {
				return nil, err
			}
			label = len(wire)
			wire = append(wire, 0)
			continue
		}
		if c == '\\' {
			rest := name[i+1:]
			switch {
			case len(rest) >= 3 && isDigits(rest[:3]):
				v := int(rest[0]-'0')*100 + int(rest[1]-'0')*10 + int(rest[2]-'0')
				if v > 255 {
					return nil, fmt.Errorf("%w: bad escape", ErrBadName)
				}
				c, i = byte(v), i+3
			case len(rest) >= 1 && !isDigits(rest[:1]):
				c, i = rest[0], i+1
			default:
				return nil, fmt.Errorf("%w: bad escape", ErrBadName)
			}
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		wire = append(wire, c)
	}
	if label != len(wire)-1 { // no final dot
		if err := closeLabel(wire, label); err != nil {
			return nil, err
		}
		wire = append(wire, 0)
	}
	if len(wire) > maxNameWire {
		return nil, fmt.Errorf("%w: over %d octets", ErrBadName, maxNameWire)
	}
	return wire, nil
}

func closeLabel(wire []byte, label int) error {
	n := len(wire) - label - 1
	if n == 0 {
		return fmt.Errorf("%w: empty label", ErrBadName)
	}
	if n > 63 {
		return fmt.Errorf("%w: label over 63 octets", ErrBadName)
	}
	wire[label] = byte(n)
	return nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// parentName cuts the first label off; the parent of a top-level name is "".
func parentName(name string) string {
	for i := range len(name) {
		if name[i] == '.' && !escapedAt(name, i) {
			return name[i+1:]
		}
	}
	return ""
}

// within reports whether name is zone or lies below it.
func within(name, zone string) bool {
	if zone == "" || name == zone {
		return true
	}
	return below(name, zone)
}

// below reports whether name lies strictly below zone.
func below(name, zone string) bool {
	if zone == "" {
		return name != ""
	}
	dot := len(name) - len(zone) - 1
	return dot > 0 && name[dot] == '.' && name[dot+1:] == zone && !escapedAt(name, dot)
}

// childToward is the name one label below zone on the way to name, which must
// lie below zone.
func childToward(zone, name string) string {
	for {
		up := parentName(name)
		if up == zone {
			return name
		}
		name = up
	}
}

// shown is a zone name for messages.
func shown(name string) string {
	if name == "" {
		return "."
	}
	return name
}

// RandomSibling returns a name that nobody can have published: the first label
// of name replaced by a random one, keeping a leading underscore. What a
// server answers to it, a wildcard answers.
func RandomSibling(name string) string {
	name = fold(name)
	parent := parentName(name)
	label := strings.ToLower(rand.Text()) // 26 characters, 130 bits
	if strings.HasPrefix(name, "_") {
		label = "_" + label
	}
	if parent == "" {
		return label
	}
	// Very long names leave less room: stay within 255 octets.
	if wire, err := packName(parent); err == nil {
		label = label[:max(1, min(len(label), maxNameWire-len(wire)-1))]
	}
	return label + "." + parent
}
