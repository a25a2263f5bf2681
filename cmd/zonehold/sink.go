package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// sink is the way out to standard output or standard error. It remembers the
// first failure, so that no caller has to look after each line, and lets no
// text of strangers steer the terminal.
type sink struct {
	cli    *cli
	w      io.Writer
	broken func() // called when nobody reads any more; may be nil

	mu  sync.Mutex
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	text := p
	if !s.cli.json && !s.cli.jsonl {
		text = harmless(p)
	}
	if _, err := s.w.Write(text); err != nil {
		s.err = err
		if s.broken != nil {
			s.broken()
		}
		return 0, err
	}
	return len(p), nil
}

func (s *sink) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func isClosedPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}

// terminal is the file of a terminal, or nil.
func terminal(w io.Writer) *os.File {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// harmless replaces what could steer a terminal: control characters, except
// line breaks, tabs and our own colours, and the marks that reverse the
// direction of writing.
func harmless(p []byte) []byte {
	if plain(p) {
		return p
	}
	var b strings.Builder
	for i := 0; i < len(p); {
		if n := colourAt(p[i:]); n > 0 {
			b.Write(p[i : i+n])
			i += n
			continue
		}
		r, n := utf8.DecodeRune(p[i:])
		if steers(r) {
			r = utf8.RuneError
		}
		b.WriteRune(r)
		i += n
	}
	return []byte(b.String())
}

func plain(p []byte) bool {
	for _, c := range p {
		if c >= 0x7f || c < ' ' && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

func steers(r rune) bool {
	switch {
	case r == '\n', r == '\t':
		return false
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c:
		return true
	}
	return unicode.IsControl(r)
}

// colourAt is the length of a colour sequence as paint writes it, or 0.
func colourAt(p []byte) int {
	for _, code := range []string{"0", bold, dim, red, green, yellow} {
		if seq := "\x1b[" + code + "m"; strings.HasPrefix(string(p[:min(len(p), len(seq))]), seq) {
			return len(seq)
		}
	}
	return 0
}
