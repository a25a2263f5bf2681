package httpapi

import (
	"bytes"
	"encoding/json"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
)

// encode renders JSON without escaping HTML characters, which only pages need.
func encode(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // our own types, which always encode; the recovery answers 500
	}
	return buf.Bytes()
}

func writeBytes(w http.ResponseWriter, mediaType string, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = []string{mediaType}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// serveBytes answers with a document that only changes with the program.
func serveBytes(w http.ResponseWriter, r *http.Request, mediaType string, body []byte) {
	tag := bodyTag(body)
	w.Header().Set("Etag", tag)
	w.Header().Set("Cache-Control", "no-cache")
	if noneMatch(r.Header["If-None-Match"], tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	writeBytes(w, mediaType, http.StatusOK, body)
}

// bodyTag is an entity tag of the bytes.
func bodyTag(body []byte) string {
	h := fnv.New64a()
	_, _ = h.Write(body)
	return `"` + strconv.FormatUint(h.Sum64(), 36) + `"`
}

// versionTag is an entity tag that also carries the version, which is what
// If-Match compares: the representation shows more than the version counts,
// e.g. a check that runs.
func versionTag(version int64, body []byte) string {
	return `"v` + strconv.FormatInt(version, 10) + "." + bodyTag(body)[1:]
}

// noneMatch reports whether If-None-Match names the tag (RFC 9110 section
// 13.1.2, weak comparison).
func noneMatch(values []string, tag string) bool {
	if len(values) == 0 {
		return false
	}
	tags, all, ok := entityTags(values)
	if !ok {
		return false // ignored, the client gets the whole
	}
	if all {
		return true
	}
	for _, t := range tags {
		if t.opaque == tag {
			return true
		}
	}
	return false
}

// versions reads If-Match: nil when there is none or it is "*". Tags that are
// weak or not ours match nothing (RFC 9110 section 13.1.1).
func versions(values []string) (list []int64, err error) {
	if len(values) == 0 {
		return nil, nil
	}
	tags, all, ok := entityTags(values)
	if !ok {
		return nil, badHeader("If-Match", `Write the ETag that the last reply had, with its quotation marks, or *.`)
	}
	if all {
		return nil, nil
	}
	list = []int64{}
	for _, t := range tags {
		text, _, dot := strings.Cut(strings.Trim(t.opaque, `"`), ".")
		text, v := strings.CutPrefix(text, "v")
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 && v && dot && !t.weak {
			list = append(list, n)
		}
	}
	return list, nil
}

type entityTag struct {
	opaque string // with its quotation marks
	weak   bool
}

// entityTags parses a list of entity tags, or "*" (RFC 9110 section 8.8.3).
func entityTags(values []string) (tags []entityTag, all, ok bool) {
	text := strings.TrimSpace(strings.Join(values, ","))
	if len(text) > 4096 {
		return nil, false, false
	}
	if text == "*" {
		return nil, true, true
	}
	for text != "" {
		var t entityTag
		if rest, weak := strings.CutPrefix(text, "W/"); weak {
			text, t.weak = rest, true
		}
		if text[:min(1, len(text))] != `"` {
			return nil, false, false
		}
		end := strings.IndexByte(text[1:], '"')
		if end < 0 {
			return nil, false, false
		}
		t.opaque, text = text[:end+2], strings.TrimLeft(text[end+2:], " \t")
		for i := 1; i < len(t.opaque)-1; i++ {
			if c := t.opaque[i]; c <= ' ' || c == 0x7f {
				return nil, false, false
			}
		}
		tags = append(tags, t)
		if text == "" {
			break
		}
		if text[0] != ',' {
			return nil, false, false
		}
		text = strings.TrimLeft(text, " \t,")
	}
	return tags, false, len(tags) > 0
}
