package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/zonehold/zonehold/api"
)

const (
	maxLine   = 1 << 20          // bytes of a line of a stream
	silence   = 45 * time.Second // the server sends something every 15 s
	reconnect = 2 * time.Second
)

// Events gives events after the one with the id after ("" from the first),
// oldest first. limit 0 is 50.
func (c *Client) Events(ctx context.Context, after string, limit int) ([]api.Event, error) {
	v := url.Values{}
	if after != "" {
		v.Set("after", after)
	}
	if limit > 0 {
		v.Set("limit", strconv.Itoa(limit))
	}
	var page api.Page[api.Event]
	if _, err := c.call(ctx, http.MethodGet, "/v1/events", v, nil, &page); err != nil {
		return nil, err
	}
	return page.Items, nil
}

// Watch calls fn for every event after the one with the id after ("" from the
// first), in order and each once, until ctx ends or fn returns an error, which
// it returns. It connects again when the stream breaks; a refusal by the
// server (*Error below 500, other than 429) ends it.
func (c *Client) Watch(ctx context.Context, after string, fn func(api.Event) error) error {
	for {
		err := c.stream(ctx, &after, fn)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var stop *stopError
		if errors.As(err, &stop) {
			return stop.err
		}
		pause := reconnect
		var e *Error
		if errors.As(err, &e) {
			if e.Status < 500 && e.Status != http.StatusTooManyRequests {
				return err
			}
			pause = max(pause, min(e.RetryAfter, time.Minute))
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// stopError carries the error of the caller's function through.
type stopError struct{ err error }

func (e *stopError) Error() string { return e.err.Error() }

// stream reads one connection.
func (c *Client) stream(ctx context.Context, after *string, fn func(api.Event) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	header := http.Header{"Accept": {"text/event-stream"}}
	if *after != "" {
		header.Set("Last-Event-Id", *after)
	}
	resp, err := c.send(ctx, http.MethodGet, "/v1/events", nil, nil, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	watchdog := time.AfterFunc(silence, cancel)
	defer watchdog.Stop()
	return readStream(resp.Body, func() { watchdog.Reset(silence) }, func(data string) error {
		var e api.Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return fmt.Errorf("reading an event: %w", err)
		}
		if err := fn(e); err != nil {
			return &stopError{err}
		}
		*after = e.ID
		return nil
	})
}

// readStream parses server-sent events (HTML standard, section 9.2.6) as far
// as we send them: the data of an event is its lines, joined.
func readStream(r io.Reader, alive func(), event func(data string) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 4096), maxLine)
	var data []string
	size := 0
	for sc.Scan() {
		alive()
		line := strings.TrimSuffix(sc.Text(), "\r")
		if line == "" {
			if data != nil {
				if err := event(strings.Join(data, "\n")); err != nil {
					return err
				}
			}
			data, size = nil, 0
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		if name != "data" {
			continue
		}
		if size += len(value) + 1; size > maxLine {
			return errors.New("an event of the stream is too large")
		}
		data = append(data, strings.TrimPrefix(value, " "))
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("reading the stream: %w", err)
	}
	return io.ErrUnexpectedEOF
}
