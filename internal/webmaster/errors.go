package webmaster

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/zonehold/zonehold/internal/app"
)

// apiError is a refusal in the shape of the dialect (contract section 4).
type apiError struct {
	status     int
	retryAfter time.Duration // 0: no Retry-After
	allow      string        // Allow of a 405
	body       errorBody
}

func (e *apiError) Error() string { return e.body.Code + ": " + e.body.Message }

// errorBody is the body of every error; only what belongs to its code is set.
type errorBody struct {
	XMLName          xml.Name `json:"-" xml:"Data"`
	Code             string   `json:"error_code" xml:"error_code"`
	Message          string   `json:"error_message" xml:"error_message"`
	AvailableUserID  *int64   `json:"available_user_id,omitempty" xml:"available_user_id"`
	HostID           *string  `json:"host_id,omitempty" xml:"host_id"`
	Verified         *bool    `json:"verified,omitempty" xml:"verified"`
	VerificationType *string  `json:"verification_type,omitempty" xml:"verification_type"`
	Limit            *int     `json:"limit,omitempty" xml:"limit"`
	FieldName        *string  `json:"field_name,omitempty" xml:"field_name"`
	FieldValue       *string  `json:"field_value,omitempty" xml:"field_value"`
	AcceptableTypes  []string `json:"acceptable_types,omitempty" xml:"acceptable_type"`
}

func refuse(status int, code, message string) *apiError {
	return &apiError{status: status, body: errorBody{Code: code, Message: message}}
}

func errEntity(message string) *apiError {
	return refuse(http.StatusBadRequest, "ENTITY_VALIDATION_ERROR", message)
}

func errField(name, value, message string) *apiError {
	e := refuse(http.StatusBadRequest, "FIELD_VALIDATION_ERROR", message)
	value = app.OneLine(value, maxEcho)
	e.body.FieldName, e.body.FieldValue = &name, &value
	return e
}

func errInvalidURL(message string) *apiError {
	return refuse(http.StatusBadRequest, "INVALID_URL", message)
}

func errToken() *apiError {
	return refuse(http.StatusForbidden, "INVALID_OAUTH_TOKEN",
		"The token is missing, unknown or revoked. Send it as \"Authorization: OAuth <token>\".")
}

func errScope() *apiError {
	return refuse(http.StatusForbidden, "ACCESS_FORBIDDEN",
		"The token lacks the permission for this request. Reading needs domains:read, adding and deleting domains:write, verifying checks:run.")
}

func errUserID(available int64) *apiError {
	e := refuse(http.StatusForbidden, "INVALID_USER_ID", fmt.Sprintf("Invalid user id. %d should be used.", available))
	e.body.AvailableUserID = &available
	return e
}

func errHostsLimit(limit int) *apiError {
	e := refuse(http.StatusForbidden, "HOSTS_LIMIT_EXCEEDED",
		fmt.Sprintf("The account has its %d sites already. Delete one to add another.", limit))
	e.body.Limit = &limit
	return e
}

func errResource() *apiError {
	return refuse(http.StatusNotFound, "RESOURCE_NOT_FOUND", "There is no resource at this path.")
}

func errHostNotFound(id string) *apiError {
	return errHost("HOST_NOT_FOUND", id, "The site is not in the list of your sites. Add it first, or take its id from the list.")
}

func errHostNotVerified(id string) *apiError {
	return errHost("HOST_NOT_VERIFIED", id, "The rights to the site are not verified. Verify them first.")
}

func errHost(code, id, message string) *apiError {
	e := refuse(http.StatusNotFound, code, message)
	id = app.OneLine(id, maxEcho)
	e.body.HostID = &id
	return e
}

func errMethod(allow string) *apiError {
	e := refuse(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "This resource answers only "+allow+".")
	e.allow = allow
	return e
}

func errContentType(message string) *apiError {
	e := refuse(http.StatusNotAcceptable, "CONTENT_TYPE_UNSUPPORTED", message)
	e.body.AcceptableTypes = acceptableTypes
	return e
}

func errAlreadyAdded(id string, verified bool) *apiError {
	e := refuse(http.StatusConflict, "HOST_ALREADY_ADDED", "The site is in the list of your sites already.")
	e.body.HostID, e.body.Verified = &id, &verified
	return e
}

func errInProgress(kind string) *apiError {
	e := refuse(http.StatusConflict, "VERIFICATION_ALREADY_IN_PROGRESS",
		"A verification of the site is running. Wait for its result.")
	e.body.VerificationType = &kind
	return e
}

func errTooLarge() *apiError {
	return refuse(http.StatusRequestEntityTooLarge, "REQUEST_ENTITY_TOO_LARGE",
		fmt.Sprintf("The body of the request is larger than %d bytes.", maxBody))
}

func errEncoding() *apiError {
	return refuse(http.StatusUnsupportedMediaType, "CONTENT_ENCODING_UNSUPPORTED",
		"The body of the request is compressed. Send it as it is, without a Content-Encoding.")
}

func errNoRecord() *apiError {
	return refuse(http.StatusUnprocessableEntity, "NO_VERIFICATION_RECORD",
		"This site was claimed in another way and has no verification code here. Use the API in which it was added.")
}

func errRequests(wait time.Duration) *apiError {
	e := refuse(http.StatusTooManyRequests, "TOO_MANY_REQUESTS_ERROR",
		"Too many requests with this token. Wait as long as Retry-After says.")
	e.retryAfter = wait
	return e
}

// errChecks is the refusal of a check over budget. Clients repeat a request
// after TOO_MANY_REQUESTS_ERROR and give up after QUOTA_EXCEEDED, so the
// latter is for waits that no client sits out.
func errChecks(wait time.Duration) *apiError {
	code := "TOO_MANY_REQUESTS_ERROR"
	if wait > time.Minute {
		code = "QUOTA_EXCEEDED"
	}
	e := refuse(http.StatusTooManyRequests, code,
		"Too many verifications were requested. Wait as long as Retry-After says.")
	e.retryAfter = max(wait, time.Second)
	return e
}

// The contract knows no code for faults of the server; clients branch on the
// status.
func errInternal() *apiError {
	return refuse(http.StatusInternalServerError, "INTERNAL_SERVER_ERROR",
		"Something went wrong on our side. Try again later.")
}

func errUnavailable(wait time.Duration) *apiError {
	e := refuse(http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE",
		"The service is not available for a moment. Try again.")
	e.retryAfter = max(wait, time.Second)
	return e
}

// hostFailure turns an error of the service about one host into the
// dialect's. What it does not know is passed on, and becomes a 500.
func (c *call) hostFailure(err error) error {
	e, ok := errors.AsType[*app.Error](err)
	if !ok {
		return err
	}
	switch e.Kind {
	case app.KindNotFound:
		return errHostNotFound(c.host.id())
	case app.KindInvalid, app.KindRefused:
		return errField("host_id", c.host.id(), app.OneLine(e.Message, maxMessage))
	case app.KindConflict, app.KindPrecondition:
		kind := typeMetaTag
		if e.Attempt != nil {
			kind = c.version.name(e.Attempt.Method).kind
		}
		return errInProgress(kind)
	case app.KindForbidden:
		return errScope()
	case app.KindLimit:
		return c.hostsLimit(e)
	case app.KindRateLimited:
		return errChecks(e.RetryAfter)
	case app.KindUnavailable:
		return errUnavailable(e.RetryAfter)
	}
	return err
}

func (c *call) hostsLimit(e *app.Error) error {
	if e.Limit > 0 {
		return errHostsLimit(e.Limit)
	}
	return errHostsLimit(c.service.DomainLimit())
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
	return errInternal(), false
}
