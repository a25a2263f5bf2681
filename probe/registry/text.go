package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zonehold/zonehold"
)

// clean makes foreign text fit to keep: one line, no control, bidi or
// invisible characters, at most maxText characters. What went missing leaves
// a space, so that nothing is joined that was apart.
func clean(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(s, " ") {
		if n == maxText {
			b.WriteRune('…')
			break
		}
		if !unicode.IsPrint(r) {
			r = ' '
		}
		b.WriteRune(r)
		n++
	}
	return strings.TrimSpace(b.String())
}

// decodeText turns the bytes of a WHOIS answer into text: UTF-8, or else
// Latin-1, the only two that can be told apart without a label (RFC 3912
// section 4). Binary data is not text.
func decodeText(raw []byte) (string, bool) {
	odd := 0
	for _, c := range raw {
		if c == 0 {
			return "", false
		}
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' || c == 0x7f {
			odd++
		}
	}
	if odd > len(raw)/50 {
		return "", false
	}
	if utf8.Valid(raw) {
		return string(raw), true
	}
	text := make([]rune, len(raw))
	for i, c := range raw {
		text[i] = rune(c)
	}
	return string(text), true
}

// mailAddress checks that s is one plain address and nothing else (RFC 5321
// section 4.1.2, without quoted local parts), and brings its domain into
// lower-case A-labels.
func mailAddress(s string) (string, bool) {
	s = strings.TrimSpace(s)
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || len(local) > 64 {
		return "", false
	}
	if local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return "", false
	}
	const atext = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~."
	if strings.Trim(local, atext) != "" {
		return "", false
	}
	host, err := zonehold.ParseHostname(domain)
	if err != nil || len(local)+1+len(host) > 254 {
		return "", false
	}
	return local + "@" + string(host), true
}

// hostName brings the name of a name server into its usual form; what follows
// it on the line (addresses, mostly) is cut off. "" if it is none.
func hostName(s string) string {
	fields := strings.Fields(s)
	if len(fields) == 0 {
		return ""
	}
	host, err := zonehold.ParseHostname(fields[0])
	if err != nil {
		return ""
	}
	return string(host)
}

// timeLayouts are those in use among registries, the exact ones first.
var timeLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05 -07:00", "2006-01-02 15:04:05", "2006-01-02", "2006/01/02", "2006.01.02",
	"2006.01.02 15:04:05", "02.01.2006 15:04:05", "02.01.2006", "02-Jan-2006", "2.1.2006", "20060102", "20060102 15:04:05",
}

// parseTime reads a date of a registry, UTC if it names no zone; zero if it
// cannot be read.
func parseTime(s string) time.Time {
	s = strings.TrimSpace(s)
	if len(s) > 40 {
		return time.Time{}
	}
	for _, cut := range []string{"", " (", " UTC", " #"} {
		text := s
		if cut != "" {
			text, _, _ = strings.Cut(s, cut)
		}
		for _, layout := range timeLayouts {
			if t, err := time.Parse(layout, text); err == nil {
				return t.UTC()
			}
		}
	}
	return time.Time{}
}

// keep puts the received bytes into the registration, as evidence.
func (r *Registration) keep(raw []byte) {
	sum := sha256.Sum256(raw)
	r.Raw, r.RawSize, r.SHA256 = raw[:min(len(raw), maxRaw):min(len(raw), maxRaw)], len(raw), hex.EncodeToString(sum[:])
}

// note adds a sentence.
func (r *Registration) note(s string) { r.Notes = append(r.Notes, s) }

// addEach appends what is new and there, up to maxEach.
func addEach(list []string, s string) []string {
	if s == "" || len(list) >= maxEach {
		return list
	}
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}
