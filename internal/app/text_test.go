package app

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOneLine(t *testing.T) {
	for _, tt := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 10, ""},
		{" ", 10, ""},
		{"plain text", 10, "plain text"},
		{"plain text", 9, "plain tex…"},
		{"  a \r\n\tb  ", 10, "a b"},
		{"a\u2028b\u0085c\u00a0d", 10, "a b c d"},
		{"a\x00\x1b[1mb\x7f", 10, "a\ufffd\ufffd[1mb\ufffd"},
		{"a\u202eb\u200bc\ufeffd", 10, "a\ufffdb\ufffdc\ufffdd"},
		{"a\xff\xfeb", 10, "a\ufffd\ufffdb"},
		{"привет, мир", 6, "привет…"},
		{"привет", 6, "привет"},
		{"\ue000\U000e0041x", 10, "\ufffd\ufffdx"},
		{strings.Repeat("é", 1000), 3, "ééé…"},
	} {
		if got := OneLine(tt.in, tt.limit); got != tt.want {
			t.Errorf("OneLine(%.40q, %d) = %q, want %q", tt.in, tt.limit, got, tt.want)
		}
	}
}

func TestSentence(t *testing.T) {
	for in, want := range map[string]string{"": "", "A": "A.", "A.": "A.", "A!": "A!", "A:": "A:", "ы": "ы.", "a\n": "a."} {
		if got := Sentence(in); got != want {
			t.Errorf("Sentence(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFold(t *testing.T) {
	for _, tt := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, []string{""}},
		{"one two", 10, []string{"one two"}},
		{"one two three", 7, []string{"one two", "three"}},
		{"a-word-that-is-longer x", 7, []string{"a-word-that-is-longer", "x"}},
		{"чай чай", 7, []string{"чай чай"}},
		{"  many \n blanks ", 20, []string{"many blanks"}},
	} {
		if d := cmp.Diff(tt.want, Fold(tt.text, tt.width)); d != "" {
			t.Errorf("%q at %d (-want +got):\n%s", tt.text, tt.width, d)
		}
	}
}
