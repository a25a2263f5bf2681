package webmaster

import (
	"mime"
	"strings"
)

// format is a representation of requests and replies.
type format int

const (
	formatJSON format = iota
	formatXML
)

const (
	typeJSON = "application/json"
	typeXML  = "application/xml"
)

// acceptableTypes are offered with CONTENT_TYPE_UNSUPPORTED.
var acceptableTypes = []string{typeJSON, typeXML}

// Bounds of an Accept header. Browsers send about ten ranges.
const (
	maxAcceptBytes  = 4096
	maxAcceptRanges = 64
)

// negotiate chooses the format of the reply from the Accept headers (RFC 9110
// section 12.5.1): JSON unless XML is preferred, false when neither will do.
// Ranges with broken syntax are skipped.
func negotiate(headers []string) (format, bool) {
	header := strings.Join(headers, ",")
	if strings.Trim(header, " \t,") == "" {
		return formatJSON, true
	}
	if len(header) > maxAcceptBytes {
		return formatJSON, false
	}
	var json, xml quality
	ranges := splitQuoted(header, ',')
	if len(ranges) > maxAcceptRanges {
		return formatJSON, false
	}
	for _, s := range ranges {
		r, ok := parseRange(s)
		if !ok {
			continue
		}
		switch r.media {
		case typeJSON:
			json.offer(3, r.q)
		case typeXML:
			xml.offer(3, r.q)
		case "application/*":
			json.offer(2, r.q)
			xml.offer(2, r.q)
		case "*/*":
			json.offer(1, r.q)
			xml.offer(1, r.q)
		}
	}
	switch {
	case json.q > 0 && json.q >= xml.q:
		return formatJSON, true
	case xml.q > 0:
		return formatXML, true
	}
	return formatJSON, false
}

// quality is the weight that the most specific range so far gives a type.
type quality struct{ specific, q int }

func (w *quality) offer(specific, q int) {
	if specific > w.specific || specific == w.specific && q > w.q {
		w.specific, w.q = specific, q
	}
}

// mediaRange is one element of an Accept header.
type mediaRange struct {
	media string // lower case, "type/subtype"
	q     int    // thousandths
}

// parseRange reads `type/subtype;name=value;q=0.8`. A lone "*" means "*/*",
// as in what Java's HttpURLConnection sends by default.
func parseRange(s string) (mediaRange, bool) {
	parts := splitQuoted(s, ';')
	media := strings.ToLower(strings.Trim(parts[0], " \t"))
	if media == "*" {
		media = "*/*"
	}
	major, minor, ok := strings.Cut(media, "/")
	if !ok || !isToken(major) || !isToken(minor) || major == "*" && minor != "*" {
		return mediaRange{}, false
	}
	r := mediaRange{media: media, q: 1000}
	for _, p := range parts[1:] {
		p = strings.Trim(p, " \t")
		if p == "" {
			continue
		}
		name, value, ok := strings.Cut(p, "=")
		if !ok || !isToken(name) || !isToken(value) && !isQuoted(value) {
			return mediaRange{}, false
		}
		if strings.EqualFold(name, "q") {
			if r.q, ok = parseQuality(value); !ok {
				return mediaRange{}, false
			}
		}
	}
	return r, true
}

// parseQuality reads a weight of RFC 9110 section 12.4.2 in thousandths. The
// zero before the point may be missing; Java leaves it out.
func parseQuality(s string) (int, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	if len(fraction) > 3 || s == "" || s == "." {
		return 0, false
	}
	n := 0
	for i := range 3 {
		n *= 10
		if i >= len(fraction) {
			continue
		}
		c := fraction[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n += int(c - '0')
	}
	switch {
	case whole == "0" || whole == "":
		return n, true
	case whole == "1" && n == 0:
		return 1000, true
	}
	return 0, false
}

// splitQuoted splits at sep outside of quoted strings.
func splitQuoted(s string, sep byte) []string {
	var parts []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

func isQuoted(s string) bool {
	return len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"'
}

// isToken reports whether s is a token of RFC 9110 section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// contentFormat reads the Content-Type of a request; JSON when there is none.
// The API is UTF-8 throughout, another charset is another type.
func contentFormat(header string) (format, bool) {
	if strings.TrimSpace(header) == "" {
		return formatJSON, true
	}
	if len(header) > 256 {
		return formatJSON, false
	}
	media, params, err := mime.ParseMediaType(header)
	if err != nil {
		return formatJSON, false
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return formatJSON, false
	}
	switch media {
	case typeJSON:
		return formatJSON, true
	case typeXML:
		return formatXML, true
	}
	return formatJSON, false
}
