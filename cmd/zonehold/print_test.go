package main

import (
	"bytes"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "1 ms", 999 * time.Millisecond: "999 ms", time.Second: "1 second", 1600 * time.Millisecond: "2 seconds",
		119 * time.Second: "119 seconds", 2 * time.Minute: "2 minutes", 3 * time.Hour: "3 hours", 72 * time.Hour: "3 days",
	} {
		if got := duration(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	var table table
	table.add("+", "чай", "", "x", "end")
	table.add("-", "longer", "", "", "")
	var b bytes.Buffer
	table.print(&b)
	if want := "  + чай     x  end\n  - longer\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

func TestHarmless(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext\n":             "plain\ttext\n",
		"чай ✔":                     "чай ✔",
		"\x1b[31mred\x1b[0m":        "\x1b[31mred\x1b[0m",
		"\x1b[2Jclear":              "\ufffd[2Jclear",
		"\x1b]0;title\x07":          "\ufffd]0;title\ufffd",
		"back\b\rspace":             "back\ufffd\ufffdspace",
		"\u202egnp.exe":             "\ufffdgnp.exe",
		"\u009b31m":                 "\ufffd31m",
		"bad\xffutf8":               "bad\ufffdutf8",
		"\x1b[3":                    "\ufffd[3",
		"\x00":                      "\ufffd",
		strings.Repeat("a", 100000): strings.Repeat("a", 100000),
	} {
		if got := string(harmless([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzHarmless(f *testing.F) {
	f.Add([]byte("\x1b[31m\x1b[0m\x1b]\u202e\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		out := harmless(in)
		if !utf8.Valid(out) {
			t.Fatalf("%q is not UTF-8", out)
		}
		if again := harmless(out); !bytes.Equal(again, out) {
			t.Fatalf("%q changes to %q", out, again)
		}
		rest := string(out)
		for _, code := range []string{"0", bold, dim, red, green, yellow} {
			rest = strings.ReplaceAll(rest, "\x1b["+code+"m", "")
		}
		if strings.ContainsFunc(rest, steers) {
			t.Fatalf("%q steers", out)
		}
	})
}

// brokenPipe fails like the standard output of a command before "| head".
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestSinkBreaks(t *testing.T) {
	called := 0
	s := &sink{cli: &cli{}, w: brokenPipe{}, broken: func() { called++ }}
	for range 3 {
		if _, err := s.Write([]byte("x")); !isClosedPipe(err) {
			t.Errorf("error %v", err)
		}
	}
	if called != 1 || !isClosedPipe(s.failure()) {
		t.Errorf("called %d times, failure %v", called, s.failure())
	}
}

func TestAlike(t *testing.T) {
	code := func(codes ...int) int {
		var err error
		for _, c := range codes {
			err = alike(err, &exitError{code: c, name: "x"})
		}
		var e *exitError
		if !errors.As(err, &e) {
			t.Fatalf("%v has no exit code", err)
		}
		return e.code
	}
	for _, tt := range []struct {
		codes []int
		want  int
	}{{[]int{12}, 12}, {[]int{12, 12}, 12}, {[]int{12, 2}, 1}, {[]int{2, 12, 12}, 1}} {
		if got := code(tt.codes...); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.codes, got, tt.want)
		}
	}
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{
		"/tmp/a-b_c.d": "/tmp/a-b_c.d", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "~/x": "'~/x'",
	} {
		if got := shellQuote(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
