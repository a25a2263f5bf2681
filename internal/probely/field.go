package probely

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Texts of DRF.
const (
	textRequired = "This field is required."
	textNull     = "This field may not be null."
	textBlank    = "This field may not be blank."
	textInvalid  = "Enter a valid value."
	textString   = "Not a valid string."
	textInteger  = "A valid integer is required."
	textBoolean  = "Must be a valid boolean."
	textNUL      = "Null characters are not allowed."
)

func (in *input) has(field string) bool {
	_, ok := in.values[field]
	return ok
}

// text reads a text field as DRF's CharField does: numbers become text, outer
// white space goes if trim says so. False: not given, or wrong.
func (in *input) text(field string, most int, trim bool) (string, bool) {
	var s string
	switch v := in.values[field].(type) {
	case string:
		s = v
	case json.Number:
		s = v.String()
	case nil:
		if in.has(field) {
			in.errs.add(field, textNull)
		}
		return "", false
	default:
		in.errs.add(field, textString)
		return "", false
	}
	if trim {
		s = strings.TrimSpace(s)
	}
	switch {
	case !utf8.ValidString(s): // only in a form
		in.errs.add(field, textString)
	case strings.ContainsRune(s, 0):
		in.errs.add(field, textNUL)
	case utf8.RuneCountInString(s) > most:
		in.errs.add(field, fmt.Sprintf("Ensure this field has no more than %d characters.", most))
	default:
		return s, true
	}
	return "", false
}

// nullable reads a text field that may be null or blank, both of which clear
// it. Nil: not given, or wrong.
func (in *input) nullable(field string, most int, trim bool) *string {
	if v, given := in.values[field]; given && v == nil {
		return new(string)
	}
	if s, ok := in.text(field, most, trim); ok {
		return &s
	}
	return nil
}

// integer reads a number field that may be null (0). Nil: not given, or wrong.
func (in *input) integer(field string, least, most int) *int {
	var s string
	switch v := in.values[field].(type) {
	case nil:
		if !in.has(field) {
			return nil
		}
		return new(int)
	case string:
		if s = strings.TrimSpace(v); s == "" && in.form {
			return new(int)
		}
	case json.Number:
		s = v.String()
	}
	if whole, fraction, ok := strings.Cut(s, "."); ok && strings.Trim(fraction, "0") == "" {
		s = whole // "80.0"
	}
	n, err := strconv.Atoi(s)
	if err != nil || len(s) > 20 {
		n = 0
		if !isDigits(strings.TrimPrefix(s, "-")) {
			in.errs.add(field, textInteger)
			return nil
		}
		if !strings.HasPrefix(s, "-") {
			n = most + 1 // a number that is too large even to be read
		}
	}
	switch {
	case n < least:
		in.errs.add(field, fmt.Sprintf("Ensure this value is greater than or equal to %d.", least))
	case n > most:
		in.errs.add(field, fmt.Sprintf("Ensure this value is less than or equal to %d.", most))
	default:
		return &n
	}
	return nil
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// boolean reads a truth value in one of DRF's spellings. Nil: not given, or
// wrong.
func (in *input) boolean(field string) *bool {
	v, given := in.values[field]
	if !given {
		return nil
	}
	word := ""
	switch v := v.(type) {
	case bool:
		return &v
	case nil:
		in.errs.add(field, textNull)
		return nil
	case string:
		word = v
	case json.Number:
		word = v.String()
	}
	b, ok := truth(word)
	if !ok {
		in.errs.add(field, textBoolean)
		return nil
	}
	return &b
}

func truth(word string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "t", "y", "yes", "true", "on", "1":
		return true, true
	case "f", "n", "no", "false", "off", "0":
		return false, true
	}
	return false, false
}
