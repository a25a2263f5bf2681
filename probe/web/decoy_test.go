package web

import (
	"regexp"
	"strings"
	"testing"
)

func TestRandomLike(t *testing.T) {
	for _, tc := range []struct{ path, shape string }{
		{"/yandex_0123456789abcdef0123456789abcdef.html", `^/yandex_[0-9a-f]{32}\.html$`},
		{"/yandex_0123456789abcdef0123456789abcdef.txt", `^/yandex_[0-9a-f]{32}\.txt$`},
		{"/zonehold_abcdefghijklmnopqrstuvwxyz234567.txt", `^/zonehold_[a-z2-7]{32}\.txt$`},
		{"/.well-known/zonehold-challenge/mfzwizltoq2gk3tlmfzwizlton.txt", `^/\.well-known/zonehold-challenge/[a-z2-7]{26}\.txt$`},
		{"/3f2b8c1e-9d4a-4c6b-8e2f-1a2b3c4d5e6f.txt", `^/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.txt$`},
		{"/ABCDEF0123456789ABCDEF.txt", `^/[0-9A-F]{22}\.txt$`},
		{"/ABCDEFghij0123456789kl.txt", `^/[A-Z]{6}[a-z]{4}[0-9]{10}[a-z]{2}\.txt$`},
		{"/google1234.html", `^/[a-z]{6}[0-9]{4}\.html$`},
		{"/a", `^/[a-z]$`},
		{"/7", `^/[0-9]$`},
		{"/a/b/c-1.tar.gz?x=1&y=a", `^/a/b/[a-z]-[0-9]\.[a-z]{3}\.gz\?x=1&y=a$`},
		{"/x%41y", `^/[a-z]%41[a-z]$`},
		{"/%41", `^/%41[a-z2-7]{26}$`},
		{"/%4", `^/%4[a-z2-7]{26}$`},
		{"/", `^/[a-z2-7]{26}$`},
		{"", `^[a-z2-7]{26}$`},
		{"/index_.html", `^/index_[a-z2-7]{26}\.html$`},
		{"/.well-known", `^/\.[a-z]{4}-[a-z]{5}$`},
		{"/файл.txt", `^/файл[a-z2-7]{26}\.txt$`},
	} {
		re := regexp.MustCompile(tc.shape)
		seen := make(map[string]bool)
		for range 200 {
			got := RandomLike(tc.path)
			if got == tc.path || !re.MatchString(got) {
				t.Fatalf("%s: %s does not look like %s", tc.path, got, tc.shape)
			}
			seen[got] = true
		}
		if len(tc.path) > 20 && len(seen) < 200 {
			t.Errorf("%s: %d different of 200", tc.path, len(seen))
		}
	}
}

// All of an alphabet is used, about equally.
func TestPick(t *testing.T) {
	for _, alphabet := range []string{digits, letters, hexDigits, base32} {
		counts := make(map[byte]int)
		for range 1000 * len(alphabet) {
			counts[pick(alphabet)]++
		}
		for i := range len(alphabet) {
			if n := counts[alphabet[i]]; n < 700 || n > 1300 { // beyond nine standard deviations
				t.Errorf("%c of %s: %d of about 1000", alphabet[i], alphabet, n)
			}
		}
	}
}

func FuzzRandomLike(f *testing.F) {
	for _, s := range []string{"/yandex_0123456789abcdef.html", "/%", "/%%41_", "a?b?c", "/a.b.c", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got := RandomLike(path)
		if got == path {
			t.Fatalf("%q unchanged", path)
		}
		p, q, _ := strings.Cut(path, "?")
		if !strings.HasPrefix(got, p[:strings.LastIndexByte(p, '/')+1]) || !strings.HasSuffix(got, q) {
			t.Fatalf("%q became %q", path, got)
		}
	})
}
