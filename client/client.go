// Package client speaks the native API of a Zonehold server, /v1.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/zonehold/zonehold/api"
)

// maxReply bounds what is read of one reply, in bytes.
const maxReply = 16 << 20

// Client talks to one server with one token. Safe for concurrent use.
//
// Unlike the probes, it is an ordinary HTTP client to a server that its user
// chose: it honours the proxy settings of the environment.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// New returns a client. base is the server's URL, such as
// "https://zonehold.example.com"; the token may be empty for the calls that
// need none.
func New(base, token string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("the server is a URL such as https://zonehold.example.com")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return &Client{base: u, token: token, http: &http.Client{
		// The token must not follow a redirect to somebody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Error is a refusal by the server.
type Error struct {
	Reply      api.Error
	RetryAfter time.Duration // 0: the server did not say
}

// Message is what to show to a person.
func (e *Error) Message() string {
	if e.Reply.Detail != "" {
		return e.Reply.Detail
	}
	return e.Reply.Title
}

func (e *Error) Error() string { return e.Reply.Code + ": " + e.Message() }

// UnreachableError says that no answer came.
type UnreachableError struct {
	Server string
	Err    error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s does not answer: %v", e.Server, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// request is one call.
type request struct {
	method, path   string
	query          url.Values
	body           any
	accept         string
	idempotencyKey string
}

// send returns the reply of a call; a status of 400 or more is an *Error.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	var body io.Reader
	if r.body != nil {
		data, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	target := c.base.String() + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if r.idempotencyKey != "" {
		req.Header.Set("Idempotency-Key", r.idempotencyKey)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, &UnreachableError{Server: c.base.String(), Err: err}
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		return nil, readError(resp)
	}
	return resp, nil
}

// call sends a request and decodes the reply into out, which may be nil.
func (c *Client) call(ctx context.Context, r request, out any) (*http.Response, error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if out == nil {
		return resp, nil
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &UnreachableError{Server: c.base.String(), Err: err}
	case len(data) > maxReply:
		return nil, fmt.Errorf("the reply of %s is larger than %d bytes", c.base, maxReply)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return nil, fmt.Errorf("reading the reply of %s: %w", c.base, err)
	}
	return resp, nil
}

// readError makes the error of a reply, also of one that is not ours.
func readError(resp *http.Response) error {
	e := &Error{}
	data, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // a broken body leaves the status to tell
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "application/problem+json" || json.Unmarshal(data, &e.Reply) != nil || e.Reply.Code == "" {
		e.Reply = api.Error{Code: "unexpected_reply", Title: "The server's reply is not one of Zonehold's",
			Detail: fmt.Sprintf("The server answered with status %d and no explanation; is it a Zonehold server?", resp.StatusCode)}
	}
	e.Reply.Status = resp.StatusCode
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}
