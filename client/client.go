// Package client talks to the native API, /v1, of a zonehold server.
//
//	c, err := client.New("https://zonehold.example.com", token)
//	...
//	d, _, err := c.CreateDomain(ctx, api.CreateDomain{Hostname: "example.com"})
//	...
//	a, err := c.StartAttempt(ctx, d.ID, "dns_txt", 30*time.Second)
//
// Refusals of the server are *Error; a server that cannot be reached is
// *UnreachableError. The proxy settings of the environment are honoured, as
// the server is one that the user chose; redirects are not followed, as they
// would take the token elsewhere.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/zonehold/zonehold/api"
)

const (
	maxReply    = 32 << 20 // bytes of a reply
	dialLimit   = 10 * time.Second
	headerLimit = 90 * time.Second // the server may hold a reply for a minute
	maxHold     = 60 * time.Second // what the server accepts as wait
)

// Client is a connection to one server with one token. Safe for concurrent
// use.
type Client struct {
	// UserAgent names the program to the server. Set it before the first call.
	UserAgent string

	base  string
	token string
	http  *http.Client
}

// New makes a client. base is the URL of the server without /v1, e.g.
// "https://zonehold.example.com"; token may be empty for Problems and Problem.
func New(base, token string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the server must be a base URL such as https://zonehold.example.com")
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, errors.New("the token holds a blank, a line break or another character that no token has")
	}
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialLimit, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   dialLimit,
		ResponseHeaderTimeout: headerLimit,
		IdleConnTimeout:       time.Minute,
		MaxIdleConnsPerHost:   16,
		ForceAttemptHTTP2:     true,
	}
	return &Client{
		UserAgent: "zonehold-client",
		base:      strings.TrimRight(u.String(), "/"),
		token:     token,
		http: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
	}, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Error is a refusal by the server.
type Error struct {
	Status     int
	Code       string // e.g. "not_found", or the code of a problem
	Title      string
	Detail     string
	RequestID  string
	Fixes      []string
	Errors     []api.FieldError
	Problem    *api.Problem // of a hostname that cannot be claimed
	Attempt    *api.Attempt // the check under way, if that is the conflict
	Scope      string       // the scope that the token lacks
	Limit      int          // domains that the account may have
	RetryAfter time.Duration
}

// Message is what to tell a person.
func (e *Error) Message() string {
	if e.Detail != "" {
		return e.Detail
	}
	return e.Title
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s (%s, status %d)", e.Message(), e.Code, e.Status)
}

// UnreachableError means that no reply came.
type UnreachableError struct {
	Server string
	Err    error
}

func (e *UnreachableError) Error() string {
	return "cannot reach the server at " + e.Server + ": " + e.Err.Error()
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// call sends one request and decodes the reply into out, unless nil. It
// gives the status.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, in, out any) (status int, err error) {
	resp, err := c.send(ctx, method, path, query, in, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if out == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxReply))
		return resp.StatusCode, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if err != nil {
		return 0, &UnreachableError{c.base, c.cause(ctx, err)}
	}
	if len(body) > maxReply {
		return 0, fmt.Errorf("the reply to %s %s is larger than %d bytes", method, path, maxReply)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return 0, fmt.Errorf("the reply to %s %s is not that of a zonehold server: %w", method, path, err)
	}
	return resp.StatusCode, nil
}

// send gives a reply of status 2xx, or an error.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, in any, header http.Header) (*http.Response, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", c.UserAgent)
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json, application/problem+json")
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &UnreachableError{c.base, c.cause(ctx, err)}
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, refusal(resp)
}

// cause drops the request line that net/http puts before an error, and names
// the end of the context.
func (c *Client) cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// refusal reads problem+json; other replies come from a proxy or another
// server.
func refusal(resp *http.Response) *Error {
	e := &Error{Status: resp.StatusCode, RequestID: resp.Header.Get("X-Request-Id"), RetryAfter: retryAfter(resp)}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	mt, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	var wire api.Error
	if mt == "application/problem+json" && json.Unmarshal(body, &wire) == nil && wire.Code != "" {
		e.Code, e.Title, e.Detail, e.Fixes, e.Errors = wire.Code, wire.Title, wire.Detail, wire.Fixes, wire.Errors
		e.Problem, e.Attempt, e.Scope, e.Limit = wire.Problem, wire.Attempt, wire.Scope, wire.Limit
		if wire.RequestID != "" {
			e.RequestID = wire.RequestID
		}
		return e
	}
	e.Code = "http_" + strconv.Itoa(resp.StatusCode)
	e.Title = "the server answered " + strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode)
	if loc, err := resp.Location(); err == nil && resp.StatusCode < 400 {
		e.Detail = "the server redirects to " + loc.Scheme + "://" + loc.Host + "; give that as the server if it is right"
	}
	return e
}

func retryAfter(resp *http.Response) time.Duration {
	n, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

func segment(s string) string {
	if s == "." || s == ".." { // would be cleaned out of the path
		return strings.ReplaceAll(s, ".", "%2E")
	}
	return url.PathEscape(s)
}
