package httpapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/zonehold/zonehold/api"
)

// huma keeps these as package variables; nothing else in the program uses
// huma. Its own errors hold the rejected values, which may be passwords.
func init() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, _ string, errs ...error) huma.StatusError {
		return fromHuma(status, errs, names{})
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, _ string, errs ...error) huma.StatusError {
		var known names
		if ctx != nil && ctx.Operation() != nil {
			known, _ = ctx.Operation().Metadata[namesKey].(names)
		}
		e := fromHuma(status, errs, known)
		if ctx != nil {
			_, w := humachi.Unwrap(ctx)
			stamp(w, e)
		}
		return e
	}
}

// maxFaults bounds the list of a reply.
const maxFaults = 20

// fromHuma turns what huma found into our error. Of its texts only those of
// the schema are kept, never the value.
func fromHuma(status int, errs []error, known names) *api.Error {
	var out []api.FieldError
	inBody := false
	for _, err := range errs {
		var d *huma.ErrorDetail
		if !errors.As(err, &d) {
			continue
		}
		f := fieldFault(d, known)
		inBody = inBody || f.Pointer != ""
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b api.FieldError) int {
		return cmp.Or(strings.Compare(a.Pointer, b.Pointer), strings.Compare(a.Parameter, b.Parameter))
	})
	var e *api.Error
	switch {
	case len(out) > 0 && inBody:
		e = fault(codeInvalid, "")
	case len(out) > 0:
		e = fault(codeInvalidParameter, "")
	case status == 400:
		e = fault(codeBodyRequired, "")
	case status == 408:
		e = fault(codeTimeout, "")
	case status == 413:
		e = fault(codeTooLarge, "")
	case status == 415:
		e = fault(codeMediaType, "")
	default:
		e = fault(codeInternal, "")
	}
	if len(out) > 0 {
		e.Detail = cmp.Or(out[0].Pointer, out[0].Parameter) + ": " + out[0].Detail
		if len(out) > 1 {
			e.Detail += fmt.Sprintf(" And %d more, see errors.", len(out)-1)
		}
		e.Errors = out[:min(len(out), maxFaults)]
	}
	return e
}

var (
	missing  = regexp.MustCompile(`^` + strings.Replace(regexp.QuoteMeta(validation.MsgExpectedRequiredProperty), "%s", `(\w+)`, 1) + `$`)
	members  = regexp.MustCompile(`^expected object with at (least|most) (\d+) properties$`)
	oneOf    = regexp.MustCompile(`^expected value to be one of "(.*)"$`)
	indexed  = regexp.MustCompile(`\[(\d+)\]`)
	measured = regexp.MustCompile(`^expected (length|number|array length) ([<>]=?) (\d+)$`)
)

// fieldFault translates one finding.
func fieldFault(d *huma.ErrorDetail, known names) api.FieldError {
	where, rest, _ := strings.Cut(d.Location, ".")
	where, index, _ := strings.Cut(where, "[")
	if index != "" {
		rest = "[" + index + "." + rest
	}
	f := api.FieldError{Code: "invalid_value"}
	if where == "body" {
		f.Pointer = pointer(rest)
	} else {
		f.Parameter = clip(rest)
	}
	switch m := d.Message; {
	case m == validation.MsgUnexpectedProperty:
		f.Code, f.Detail = "unknown_field", "This field is not known."+didYouMean(rest, known.fields)
	case m == "unknown query parameter":
		f.Code, f.Detail = "unknown_parameter", "This parameter is not known."+didYouMean(rest, known.parameters)
	case m == "required query parameter is missing", m == "required header parameter is missing":
		f.Code, f.Detail = "missing_parameter", "This parameter is required."
	case m == "invalid integer":
		f.Code, f.Detail = "wrong_type", "Must be an integer."
	case missing.MatchString(m):
		name := missing.FindStringSubmatch(m)[1]
		f.Code, f.Detail = "missing_field", "The field "+name+" is required."
		f.Pointer = strings.TrimSuffix(f.Pointer, "/") + "/" + name
	case m == validation.MsgExpectedRFC3339DateTime:
		f.Detail = "Must be a time such as 2026-12-31T23:00:00Z."
	case oneOf.MatchString(m):
		f.Detail = "Must be one of " + oneOf.FindStringSubmatch(m)[1] + "."
	case members.MatchString(m):
		p := members.FindStringSubmatch(m)
		f.Detail = "The number of members must be at " + p[1] + " " + p[2] + "."
	case measured.MatchString(m):
		p := measured.FindStringSubmatch(m)
		subject := map[string]string{"length": "The length", "number": "The number", "array length": "The number of items"}[p[1]]
		f.Detail = subject + " must be " + map[string]string{"<=": "at most ", ">=": "at least ", "<": "below ", ">": "above "}[p[2]] + p[3] + "."
	case m == validation.MsgExpectedString, m == validation.MsgExpectedBoolean, m == validation.MsgExpectedInteger,
		m == validation.MsgExpectedNumber, m == validation.MsgExpectedArray, m == validation.MsgExpectedObject:
		kind := strings.TrimPrefix(m, "expected ")
		article := "a "
		if strings.ContainsAny(kind[:1], "aoi") {
			article = "an "
		}
		f.Code, f.Detail = "wrong_type", "Must be "+article+kind+"."
	default:
		f.Detail = "This value is not accepted."
	}
	return f
}

// pointer makes a JSON pointer as a URI fragment (RFC 6901 section 6) of a
// path such as "tags[3].name".
func pointer(path string) string {
	path = indexed.ReplaceAllString(path, ".$1")
	var b strings.Builder
	b.WriteByte('#')
	for _, part := range strings.Split(path, ".") {
		if part == "" {
			continue
		}
		part = strings.ReplaceAll(strings.ReplaceAll(clip(part), "~", "~0"), "/", "~1")
		b.WriteByte('/')
		b.WriteString(url.PathEscape(part))
	}
	return b.String()
}

// clip bounds a name that the caller chose.
func clip(s string) string {
	if len(s) > 100 {
		s = strings.ToValidUTF8(s[:100], "") + "…"
	}
	if !utf8.ValidString(s) {
		return strconv.QuoteToASCII(s)
	}
	return s
}
