package api

// Error is the body of every reply with a status of 400 or more,
// application/problem+json (RFC 9457).
type Error struct {
	Type      string       `json:"type" doc:"URL of the documentation of code"`
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail" doc:"what is wrong here and what to change"`
	Instance  string       `json:"instance" doc:"names this occurrence"`
	Code      string       `json:"code" example:"unknown_field"`
	RequestID string       `json:"request_id" doc:"also in the X-Request-Id header and in the log of the server"`
	Errors    []FieldError `json:"errors" doc:"what is wrong field by field"`
	Fixes     []string     `json:"fixes"`

	Problem *Problem `json:"problem,omitempty" doc:"of what is refused, such as a hostname that cannot be claimed: the cause"`
	Attempt *Attempt `json:"attempt,omitempty" doc:"of the code check_running: the check under way"`
	Scope   string   `json:"scope,omitempty" doc:"of the code scope_missing: the scope that the token needs"`
	Limit   int      `json:"limit,omitempty" doc:"of the code domain_limit: domains that the account may have"`
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return e.Code + ": " + e.Title
	}
	return e.Code + ": " + e.Detail
}

// GetStatus is the HTTP status.
func (e *Error) GetStatus() int { return e.Status }

// ContentType is the media type of the body.
func (e *Error) ContentType(string) string { return "application/problem+json" }

// FieldError is one fault of a request.
type FieldError struct {
	Pointer   string `json:"pointer,omitempty" doc:"JSON pointer into the body as a URI fragment (RFC 6901 section 6)" example:"#/hostname"`
	Parameter string `json:"parameter,omitempty" doc:"name of a query parameter or header"`
	Code      string `json:"code" example:"unknown_field"`
	Detail    string `json:"detail"`
}
