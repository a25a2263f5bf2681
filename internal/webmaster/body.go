package webmaster

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxBody bounds what a client may send, in bytes. A host URL needs a
// hundredth of it.
const maxBody = 64 << 10

// maxXMLDepth bounds the nesting of a request; the document needs two levels.
const maxXMLDepth = 16

// readBody returns the body of a request and its format.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, format, error) {
	for _, e := range r.Header.Values("Content-Encoding") {
		if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "identity") {
			return nil, 0, errEncoding()
		}
	}
	f, ok := contentFormat(r.Header.Get("Content-Type"))
	if !ok {
		return nil, 0, errContentType("The Content-Type of the request is not supported. Send application/json or application/xml in UTF-8.")
	}
	if r.ContentLength > maxBody {
		return nil, 0, errTooLarge()
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, 0, errTooLarge()
		}
		return nil, 0, errEntity("The body of the request could not be read to its end.")
	}
	return b, f, nil
}

// parseField reads one text field of a request, {"host_url":"…"} or its XML
// form. Fields it does not know are left alone: clients send more (contract
// section 5).
func parseField(body []byte, f format, field string) (string, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return "", errEntity("The body is empty. Send " + field + ".")
	}
	if !utf8.Valid(body) {
		return "", errEntity("The body is not valid UTF-8.")
	}
	if f == formatXML {
		return parseXML(body, field)
	}
	return parseJSON(body, field)
}

func parseJSON(body []byte, field string) (string, error) {
	// A map and not a struct: encoding/json would take "HOST_URL" too.
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return "", errEntity("The body is not a JSON object.")
	}
	raw, ok := fields[field]
	if !ok {
		return "", errEntity("The field " + field + " is missing.")
	}
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", errEntity("The field " + field + " must be a string.")
	}
	return *s, nil
}

// parseXML reads <Data><field>…</field></Data>.
func parseXML(body []byte, field string) (string, error) {
	value, found, err := scanXML(xml.NewDecoder(bytes.NewReader(body)), field)
	if err != nil {
		return "", errEntity(fmt.Sprintf("The body is not an XML document of the form <Data><%s>…</%[1]s></Data>.", field))
	}
	if !found {
		return "", errEntity("The element " + field + " is missing.")
	}
	return value, nil
}

var errXML = errors.New("not the document expected")

// scanXML finds the one child of the root with that name. Document types, and
// with them entities, are refused; so is a second root or a second such child.
func scanXML(d *xml.Decoder, field string) (value string, found bool, err error) {
	var path []string
	var text strings.Builder
	root := false
	inField := func() bool { return len(path) == 2 && path[1] == field }
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			if !root {
				return "", false, errXML
			}
			return value, found, nil
		}
		if err != nil {
			return "", false, fmt.Errorf("reading XML: %w", err)
		}
		switch t := t.(type) {
		case xml.Directive:
			return "", false, errXML
		case xml.StartElement:
			if len(path) == 0 && (root || t.Name.Local != "Data") || inField() || len(path) == maxXMLDepth {
				return "", false, errXML
			}
			root = true
			path = append(path, t.Name.Local)
			if inField() && found {
				return "", false, errXML
			}
		case xml.EndElement:
			if inField() {
				value, found = text.String(), true
			}
			path = path[:len(path)-1]
		case xml.CharData:
			if len(path) == 0 && len(bytes.TrimSpace(t)) > 0 {
				return "", false, errXML
			}
			if inField() {
				text.Write(t)
			}
		}
	}
}
