package probely

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/zonehold/zonehold/internal/app"
)

// apiError is a refusal in the shape of the dialect (contract section 1). No
// body has a text under the key "error": one client dies of that.
type apiError struct {
	status     int
	retryAfter time.Duration // 0: no Retry-After
	allow      string        // Allow of a 405
	body       any           // detailBody or fieldErrors
}

func (e *apiError) Error() string { return fmt.Sprint(e.status, " ", e.body) }

// detailBody is the body of every error but those of fields.
type detailBody struct {
	Detail string `json:"detail"`
}

// fieldErrors are texts by field, with nonField for the rest.
type fieldErrors map[string][]string

const nonField = "non_field_errors"

func (f fieldErrors) add(field, text string) { f[field] = append(f[field], text) }

// err is the refusal, or nil if there is none.
func (f fieldErrors) err() error {
	if len(f) == 0 {
		return nil
	}
	return &apiError{status: http.StatusBadRequest, body: f}
}

func refuse(status int, detail string) *apiError {
	return &apiError{status: status, body: detailBody{detail}}
}

func errField(field string, texts ...string) *apiError {
	return &apiError{status: http.StatusBadRequest, body: fieldErrors{field: texts}}
}

const textInternal = "Unexpected error while handling your request."

func errParse(why string) *apiError {
	return refuse(http.StatusBadRequest, "JSON parse error - "+app.OneLine(why, maxPart))
}

func errNoCredentials() *apiError {
	return refuse(http.StatusUnauthorized, "Authentication credentials were not provided.")
}

func errCredentials() *apiError {
	return refuse(http.StatusUnauthorized, "Incorrect authentication credentials.")
}

func errPermission() *apiError {
	return refuse(http.StatusForbidden, "You do not have permission to perform this action.")
}

func errNotFound() *apiError { return refuse(http.StatusNotFound, "Not found.") }

func errPage() *apiError { return refuse(http.StatusNotFound, "Invalid page.") }

func errMethod(verb, allow string) *apiError {
	e := refuse(http.StatusMethodNotAllowed, fmt.Sprintf("Method \"%s\" not allowed.", app.OneLine(verb, maxEcho)))
	e.allow = allow
	return e
}

func errMediaType(kind string) *apiError {
	return refuse(http.StatusUnsupportedMediaType, fmt.Sprintf("Unsupported media type \"%s\" in request.", app.OneLine(kind, maxEcho)))
}

func errTooLarge() *apiError {
	return refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("The body of the request is larger than %d bytes.", maxBody))
}

func errThrottled(wait time.Duration) *apiError {
	wait = max(wait, time.Second)
	unit := "seconds"
	if seconds(wait) == 1 {
		unit = "second"
	}
	e := refuse(http.StatusTooManyRequests,
		fmt.Sprintf("Request was throttled. Expected available in %d %s.", seconds(wait), unit))
	e.retryAfter = wait
	return e
}

func errUnavailable(wait time.Duration) *apiError {
	e := refuse(http.StatusServiceUnavailable, "Service temporarily unavailable, try again later.")
	e.retryAfter = max(wait, time.Second)
	return e
}

// failure turns an error of the service into the dialect's. What it does not
// know is passed on, and becomes a 500.
func failure(err error) error {
	e, ok := errors.AsType[*app.Error](err)
	if !ok {
		return err
	}
	switch e.Kind {
	case app.KindNotFound:
		return errNotFound()
	case app.KindInvalid, app.KindRefused:
		field := e.Field
		if field == "" {
			field = nonField
		}
		return errField(field, refusal(e))
	case app.KindForbidden:
		return errPermission()
	case app.KindLimit:
		return errField(nonField, refusal(e))
	case app.KindConflict, app.KindPrecondition:
		return refuse(http.StatusConflict, refusal(e))
	case app.KindRateLimited:
		return errThrottled(e.RetryAfter)
	case app.KindUnavailable:
		return errUnavailable(e.RetryAfter)
	}
	return err
}

// refusal words an error of the service in one line.
func refusal(e *app.Error) string {
	if e.Message == "" && e.Problem != nil {
		return explain(e.Problem.Title, e.Problem.Found)
	}
	return app.OneLine(e.Message, maxText)
}

// asAPIError finds the reply for any error; false says that it is a fault of
// ours, to be logged.
func asAPIError(err error) (*apiError, bool) {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e, true
	}
	// The client has gone, or the server is on its way down.
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return errUnavailable(0), true
	}
	if app.Unavailable(err) != nil { // logged, as nobody else does
		return errUnavailable(0), false
	}
	return refuse(http.StatusInternalServerError, textInternal), false
}
