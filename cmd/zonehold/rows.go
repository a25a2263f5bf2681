package main

import (
	"errors"
	"fmt"
	"iter"

	"github.com/zonehold/zonehold/client"
	"github.com/zonehold/zonehold/internal/app"
)

// rows prints a list: one line per item, or JSON.
func rows[T any](c *cli, items iter.Seq2[T, error], line func(T) string) error {
	all := []T{}
	for it, err := range items {
		switch {
		case err != nil:
		case c.json:
			all = append(all, it)
		case c.jsonl:
			err = c.printJSON(it)
		default:
			_, err = fmt.Fprintln(c.stdout, line(it))
		}
		if err != nil {
			return err
		}
	}
	if c.json {
		return c.printJSON(all)
	}
	return nil
}

// sequence is a slice in the form that rows takes.
func sequence[T any](items []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, it := range items {
			if !yield(it, nil) {
				return
			}
		}
	}
}

// walk goes over all pages of a list of the server's own data, in the form that
// items have on the wire.
func walk[T, W any](get func(cursor string) (app.Page[T], error), form func(T) W) iter.Seq2[W, error] {
	return func(yield func(W, error) bool) {
		for cursor := ""; ; {
			page, err := get(cursor)
			if err != nil {
				var none W
				yield(none, err)
				return
			}
			for _, it := range page.Items {
				if !yield(form(it), nil) {
					return
				}
			}
			if cursor = page.NextCursor; cursor == "" {
				return
			}
		}
	}
}

// seeList names, for a thing that is not there, the command that lists those
// that are.
func seeList(err error, command string) error {
	var e *client.Error
	if errors.As(err, &e) && e.Status == 404 && len(e.Fixes) == 0 {
		e.Fixes = []string{"those there are: " + command}
	}
	return err
}
