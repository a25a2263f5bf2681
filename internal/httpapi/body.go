package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zonehold/zonehold/api"
)

const (
	maxBody      = 64 << 10 // bytes
	bodyTime     = 15 * time.Second
	maxDepth     = 16   // nesting of JSON
	maxPath      = 4096 // bytes of the path
	maxQuery     = 4096
	maxCursor    = 512
	maxReference = 1024 // bytes of an id or a hostname in a path
)

func badText(s string) bool { return !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 }

// checkPath refuses what no resource of ours is named by.
func checkPath(r *http.Request) error {
	if len(r.URL.Path) > maxPath {
		return fault(codeNotFound, "The path is too long to be one of ours.")
	}
	if badText(r.URL.Path) {
		return fault(codeInvalidUTF8, "")
	}
	return nil
}

// checkQuery refuses malformed queries and repeated parameters, of which the
// one or the other would be ignored silently.
func checkQuery(r *http.Request) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	if len(r.URL.RawQuery) > maxQuery {
		return fault(codeInvalidParameter, fmt.Sprintf("A query may have %d bytes.", maxQuery))
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault(codeInvalidParameter, "The query is not well formed.")
	}
	for name, values := range q {
		if badText(name) {
			return fault(codeInvalidUTF8, "")
		}
		for _, v := range values {
			if badText(v) {
				return fault(codeInvalidUTF8, "")
			}
		}
		if len(values) > 1 {
			return badParameter(clip(name), "Give this parameter once.")
		}
	}
	return nil
}

// readBody reads and checks the body of a call that takes one, and puts it
// back for huma.
func (s *server) readBody(w http.ResponseWriter, r *http.Request, op *huma.Operation) ([]byte, error) {
	if op.RequestBody == nil {
		return nil, nil
	}
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close") // what follows is not read
		return nil, fault(codeTooLarge, "")
	}
	// Servers that cannot set deadlines have their own.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	if err != nil {
		var ne net.Error
		if errors.As(err, &ne) && ne.Timeout() {
			w.Header().Set("Connection", "close")
			return nil, fault(codeTimeout, "")
		}
		return nil, fault(codeMalformedJSON, "The body could not be read to its end.")
	}
	if len(body) > maxBody {
		w.Header().Set("Connection", "close")
		return nil, fault(codeTooLarge, "")
	}
	if len(body) > 0 {
		if err := checkMediaType(r); err != nil {
			return nil, err
		}
		if err := checkJSON(body); err != nil {
			return nil, err
		}
	} else if op.RequestBody.Required {
		return nil, fault(codeBodyRequired, "")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, nil
}

// checkMediaType admits application/json, with charset=utf-8 or without.
func checkMediaType(r *http.Request) error {
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return fault(codeMediaType, "")
	}
	types := r.Header["Content-Type"]
	if len(types) != 1 {
		return fault(codeMediaType, "")
	}
	mt, params, err := mime.ParseMediaType(types[0])
	if err != nil || mt != "application/json" {
		return fault(codeMediaType, "")
	}
	for name, v := range params {
		if name != "charset" || !strings.EqualFold(v, "utf-8") {
			return fault(codeMediaType, "")
		}
	}
	return nil
}

// checkJSON admits one JSON value in UTF-8 without repeated keys, of which
// the decoder would take the last.
func checkJSON(body []byte) *api.Error {
	if !utf8.Valid(body) {
		return fault(codeInvalidUTF8, "")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := walk(dec, 0, ""); err != nil {
		if e := (*api.Error)(nil); errors.As(err, &e) {
			return e
		}
		return fault(codeMalformedJSON, fmt.Sprintf("The body is not valid JSON from byte %d on.", dec.InputOffset()))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fault(codeMalformedJSON, fmt.Sprintf("There is more after the JSON value, from byte %d on.", dec.InputOffset()))
	}
	return nil
}

func walk(dec *json.Decoder, depth int, path string) error {
	if depth > maxDepth {
		return fault(codeMalformedJSON, fmt.Sprintf("The body is nested more than %d levels deep.", maxDepth))
	}
	t, err := dec.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		seen := map[string]bool{}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return err
			}
			name, _ := key.(string)
			at := path + "/" + strings.ReplaceAll(strings.ReplaceAll(clip(name), "~", "~0"), "/", "~1")
			if seen[name] {
				e := fault(codeMalformedJSON, "A key is given twice.")
				e.Errors = append(e.Errors, api.FieldError{Pointer: "#" + (&url.URL{Path: at}).EscapedPath(), Code: "repeated_field", Detail: "Give this field once."})
				return e
			}
			seen[name] = true
			if err := walk(dec, depth+1, at); err != nil {
				return err
			}
		}
	case json.Delim('['):
		for i := 0; dec.More(); i++ {
			if err := walk(dec, depth+1, fmt.Sprintf("%s/%d", path, i)); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = dec.Token() // the closing delimiter
	return err
}
