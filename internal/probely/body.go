package probely

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/zonehold/zonehold/internal/app"
)

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

// maxBody bounds what a client may send, in bytes. A domain needs a fiftieth
// of it.
const maxBody = 64 << 10

// input is the body of a request by field, and what is wrong with it.
type input struct {
	values map[string]any // string, json.Number, bool, nil, or what JSON nests
	form   bool           // everything is text there
	errs   fieldErrors
}

// read parses the body of the request: JSON, a form, or nothing at all.
func (c *call) read() (*input, error) {
	for _, e := range c.r.Header.Values("Content-Encoding") {
		if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "identity") {
			return nil, refuse(http.StatusUnsupportedMediaType, "The body of the request is compressed. Send it as it is, without a Content-Encoding.")
		}
	}
	if c.r.ContentLength > maxBody {
		return nil, errTooLarge()
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, errTooLarge()
		}
		return nil, refuse(http.StatusBadRequest, "The body of the request could not be read to its end.")
	}
	return parse(body, c.r.Header.Get("Content-Type"))
}

// parse reads a body of that type. An empty one has no fields, whatever its
// type: a client of the contract verifies without either (section 2).
func parse(body []byte, contentType string) (*input, error) {
	in := &input{values: map[string]any{}, errs: fieldErrors{}}
	if len(body) == 0 {
		return in, nil
	}
	kind := typeJSON
	if contentType != "" {
		var err error
		var params map[string]string
		kind, params, err = mime.ParseMediaType(contentType)
		if err != nil || !isUTF8(params["charset"]) {
			return nil, errMediaType(contentType)
		}
	}
	switch {
	case kind == typeForm:
		in.form = true
		return in, in.parseForm(body)
	case kind == typeJSON || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json"):
		return in, in.parseJSON(body)
	}
	return nil, errMediaType(contentType)
}

func isUTF8(charset string) bool {
	return charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8") || strings.EqualFold(charset, "us-ascii")
}

func (in *input) parseJSON(body []byte) error {
	if !utf8.Valid(body) {
		return errParse("the body is not valid UTF-8")
	}
	// A decoder, as only it keeps numbers as they were written.
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); errors.Is(err, io.EOF) {
		return nil // white space only
	} else if err != nil {
		return errParse(err.Error())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errParse("there is more after the end of the document")
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return errField(nonField, "Invalid data. Expected a dictionary, but got "+jsonType(value)+".")
	}
	in.values = fields
	return nil
}

// jsonType is Python's name for a type, as DRF's text has it.
func jsonType(v any) string {
	switch v := v.(type) {
	case string:
		return "str"
	case bool:
		return "bool"
	case []any:
		return "list"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "float"
		}
		return "int"
	}
	return "NoneType"
}

// parseForm reads name=value pairs; of several with one name the last counts.
func (in *input) parseForm(body []byte) error {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return refuse(http.StatusBadRequest, fmt.Sprintf("The form in the body cannot be read: %s.", app.OneLine(err.Error(), maxPart)))
	}
	for name, all := range values {
		in.values[name] = all[len(all)-1]
	}
	return nil
}
