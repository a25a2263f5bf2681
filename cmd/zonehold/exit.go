package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/zonehold/zonehold"
	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/app"
	"github.com/zonehold/zonehold/problem"
)

// Exit codes are a contract (docs/cli.md); an unknown non-zero one is a
// failure.
const (
	exitOK          = 0
	exitError_      = 1
	exitUsage       = 2
	exitNo          = 3 // answered, and the answer is no
	exitPending     = 4
	exitPartial     = 5 // our side could not ask
	exitUnreachable = 10
	exitDenied      = 11
	exitNotFound    = 12
	exitRateLimited = 13
	exitConflict    = 14
	exitInterrupted = 130
)

// exitError is an error with its exit code, a stable name and hints.
type exitError struct {
	code    int
	name    string
	message string
	hints   []string
	quiet   bool // the command has printed its answer already
}

func (e *exitError) Error() string { return e.message }

func usageError(message string, hints ...string) error {
	return &exitError{code: exitUsage, name: "usage", message: message, hints: hints}
}

// answered ends a command that has printed its answer with a code other than 0.
func answered(code int, name string) error {
	return &exitError{code: code, name: name, message: name, quiet: true}
}

func timeUp() error {
	return &exitError{code: exitPending, name: "timeout", message: "the time was up before the answer came", hints: []string{"give more with --timeout"}}
}

// unreachable is the failure to talk to a server that was not called through
// package client.
func unreachable(server string, err error, hint string) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	return &exitError{code: exitUnreachable, name: "server_unreachable",
		message: fmt.Sprintf("cannot reach the server at %s: %v", server, err), hints: []string{hint}}
}

// report prints err as the streams' rules say and returns the exit code.
func (c *cli) report(err error) int {
	e := c.classify(err)
	if !e.quiet {
		c.complain("", e)
	}
	return e.code
}

// complain prints an error; about names what it belongs to when several
// things were asked for.
func (c *cli) complain(about string, e *exitError) {
	if c.json || c.jsonl {
		fixes := e.hints
		if fixes == nil {
			fixes = []string{}
		}
		doc := map[string]any{"code": e.name, "message": e.message, "fixes": fixes, "exit_code": e.code}
		if about != "" {
			doc["name"] = about
		}
		enc := json.NewEncoder(c.stderr)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(map[string]any{"error": doc})
		return
	}
	text := e.message
	if about != "" && !strings.Contains(text, about) {
		text = problem.Clean(about, 80) + ": " + text
	}
	for _, line := range strings.Split(text, "\n") {
		fmt.Fprintf(c.stderr, "zonehold: error: %s\n", line)
	}
	for _, h := range e.hints {
		fmt.Fprintf(c.stderr, "zonehold: hint: %s\n", h)
	}
}

func (c *cli) classify(err error) *exitError {
	var e *exitError
	if errors.As(err, &e) {
		return e
	}
	var ae *client.Error
	if errors.As(err, &ae) {
		return classifyAPI(ae)
	}
	var use *app.Error
	if errors.As(err, &use) {
		return classifyUse(use)
	}
	var ue *client.UnreachableError
	if errors.As(err, &ue) {
		return &exitError{code: exitUnreachable, name: "server_unreachable", message: err.Error(),
			hints: []string{"start one with: zonehold serve", "or name another with --server URL or ZONEHOLD_SERVER"}}
	}
	if c.usageErr {
		return &exitError{code: exitUsage, name: "usage", message: err.Error(), hints: []string{"see: zonehold --help"}}
	}
	return &exitError{code: exitError_, name: "error", message: err.Error()}
}

// classifyUse maps the refusals of use cases that ran in this process.
func classifyUse(e *app.Error) *exitError {
	x := &exitError{code: exitError_, name: string(e.Kind), message: e.Message}
	switch e.Kind {
	case app.KindInvalid:
		x.code = exitUsage
		if e.Missing {
			x.code, x.name = exitNotFound, "not_found"
			if e.Field == "account" {
				x.hints = append(x.hints, "those there are: zonehold account list")
			}
		} else if e.Field != "" {
			x.hints = append(x.hints, "it is about the "+strings.ReplaceAll(e.Field, "_", " "))
		}
	case app.KindRefused:
		x.code = exitNo
	case app.KindNotFound:
		x.code = exitNotFound
	case app.KindConflict, app.KindPrecondition:
		x.code = exitConflict
	case app.KindForbidden:
		x.code = exitDenied
	}
	if e.Problem != nil {
		x.name, x.hints = string(e.Problem.Code), e.Problem.Fixes
	}
	return x
}

// classifyAPI maps the server's refusals onto exit codes.
func classifyAPI(e *client.Error) *exitError {
	x := &exitError{code: exitError_, name: e.Code, message: e.Message(), hints: e.Fixes}
	for _, f := range e.Errors {
		where := strings.Trim(f.Pointer+" "+f.Parameter, " #/")
		switch {
		case where == "" || f.Detail == e.Detail:
		case e.Detail == f.Pointer+": "+f.Detail: // a pointer says little to somebody who typed a flag
			x.message = where + ": " + f.Detail
		default:
			x.hints = append(x.hints, where+": "+f.Detail)
		}
	}
	switch e.Status {
	case 400:
		x.code = exitUsage
	case 401, 403:
		x.code = exitDenied
	case 404:
		x.code = exitNotFound
	case 409, 412:
		x.code = exitConflict
	case 422:
		x.code = exitNo
		switch e.Code {
		case "validation_failed", zonehold.CodeHostnameInvalid, zonehold.CodeHostnameIDNVariant, zonehold.CodeDomainIsPublicSuffix:
			x.code = exitUsage
			if len(e.Errors) == 1 && e.Errors[0].Code == "not_found" {
				x.code = exitNotFound
			}
		}
	case 429:
		x.code = exitRateLimited
	case 502, 503, 504:
		x.code = exitUnreachable
		if e.Problem != nil { // it is there, and says what it lacks
			x.code = exitPartial
		}
	}
	if e.Status == 401 { // the server's advice is for those who write requests
		x.hints = []string{"give a token with ZONEHOLD_TOKEN or ZONEHOLD_TOKEN_FILE", "make one with: zonehold token create --account NAME"}
	}
	if e.RetryAfter > 0 {
		x.hints = append(x.hints, "try again in "+duration(e.RetryAfter))
	}
	return x
}
