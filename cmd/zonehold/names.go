package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/zonehold/zonehold/client"
)

// batch is the names that a command was given.
type batch struct {
	names []string
	many  bool // the answer is a list, however many there are
}

// limit is how long the work may take if --timeout does not say.
func (b batch) limit() time.Duration {
	return time.Minute + time.Duration(len(b.names))*2*time.Second
}

// names collects arguments, a list file and, for "-", standard input.
func (c *cli) names(ctx context.Context, args []string, file string) (batch, error) {
	var b batch
	add := func(r io.Reader) error {
		more, err := readNames(ctx, r)
		b.names, b.many = append(b.names, more...), true
		return err
	}
	for _, a := range args {
		if a != "-" {
			b.names = append(b.names, a)
		} else if err := add(c.stdin); err != nil {
			return b, err
		}
	}
	if file == "-" {
		if err := add(c.stdin); err != nil {
			return b, err
		}
	} else if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return b, usageError(err.Error())
		}
		defer f.Close() //nolint:errcheck // only read
		if err := add(f); err != nil {
			return b, err
		}
	}
	if len(b.names) == 0 {
		return b, usageError("DOMAIN is missing", "give names, -l FILE, or - to read them from standard input")
	}
	b.many = b.many || len(b.names) > 1
	return b, nil
}

// maxLine bounds a line of a list, in bytes.
const maxLine = 64 << 10

// readNames reads one name per line; blank lines and # with what follows are
// no names. An interrupt ends it although the reader blocks.
func readNames(ctx context.Context, r io.Reader) ([]string, error) {
	type list struct {
		names []string
		err   error
	}
	done := make(chan list, 1)
	go func() {
		var l list
		sc := bufio.NewScanner(r)
		sc.Buffer(nil, maxLine)
		for n := 1; sc.Scan(); n++ {
			line := sc.Text()
			if n == 1 {
				line = strings.TrimPrefix(line, "\ufeff")
			}
			line, _, _ = strings.Cut(line, "#")
			if line = strings.TrimSpace(line); line != "" {
				l.names = append(l.names, line)
			}
		}
		switch err := sc.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			l.err = usageError(fmt.Sprintf("a line of the list is longer than %d bytes", maxLine), "give one name per line")
		case err != nil:
			l.err = fmt.Errorf("reading names: %w", err)
		}
		done <- l
	}()
	select {
	case l := <-done:
		return l.names, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// each runs fn for every name. One name ends with its own error. With several
// each failure is reported and the rest goes on; the exit code is that of the
// failures if they are alike, else 1. With --json the documents of those that
// went well are printed as one list.
func (c *cli) each(b batch, fn func(name string) (any, error)) error {
	docs := []any{}
	var failed error
	for _, name := range b.names {
		doc, err := fn(name)
		switch {
		case err != nil && (!b.many || endsAll(err)):
			return errors.Join(err, c.printDocs(docs))
		case err != nil:
			e := c.classify(err)
			c.complain(name, e)
			failed = alike(failed, e)
		case c.json && b.many:
			docs = append(docs, doc)
		case c.json || c.jsonl:
			if err := c.printJSON(doc); err != nil {
				return err
			}
		}
	}
	if err := c.printDocs(docs); err != nil {
		return err
	}
	return failed
}

func (c *cli) printDocs(docs []any) error {
	if len(docs) == 0 {
		return nil
	}
	return c.printJSON(docs)
}

// endsAll reports errors after which the next name would fail as well.
func endsAll(err error) bool {
	var unreachable *client.UnreachableError
	var refused *client.Error
	return errors.As(err, &unreachable) || errors.As(err, &refused) && refused.Status == 401 ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// alike joins a failure with those before.
func alike(before error, e *exitError) error {
	var b *exitError
	if errors.As(before, &b) && b.code != e.code {
		return answered(exitError_, "several_failures")
	}
	return answered(e.code, e.name)
}
