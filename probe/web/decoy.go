package web

import (
	"crypto/rand"
	"strings"
)

const (
	hexDigits = "0123456789abcdef"
	base32    = "abcdefghijklmnopqrstuvwxyz234567"
	letters   = "abcdefghijklmnopqrstuvwxyz"
	digits    = "0123456789"
)

// RandomLike returns a decoy for the path of a proof file: a path that nobody
// made, of the same shape, so that a server which answers it alike answers
// everything (threat T29). Directory, extension and what stands before the
// last "_" of the file name stay; the letters and digits of the rest, which
// is the token, are replaced at random from the alphabet they were drawn from
// (hex, base32, else letters for letters and digits for digits). A UUID of
// version 4 stays one. The result is never equal to path. A query is kept.
func RandomLike(path string) string {
	path, query, hasQuery := strings.Cut(path, "?")
	if hasQuery {
		query = "?" + query
	}
	slash := strings.LastIndexByte(path, '/')
	dir, name := path[:slash+1], path[slash+1:]
	ext := ""
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		name, ext = name[:dot], name[dot:]
	}
	under := strings.LastIndexByte(name, '_')
	prefix, token := name[:under+1], name[under+1:]
	for range 100 {
		if decoy := scramble(token); decoy != token {
			return dir + prefix + decoy + ext + query
		}
	}
	// Nothing in it can be replaced: more of it makes the difference.
	return dir + prefix + token + strings.ToLower(rand.Text()) + ext + query
}

// scramble replaces every letter and digit of token, but not percent escapes.
func scramble(token string) string {
	low, up, num := alphabets(token)
	out := []byte(token)
	for i := 0; i < len(out); i++ {
		switch b := out[i]; {
		case b == '%':
			i += 2
		case '0' <= b && b <= '9':
			out[i] = pick(num)
		case 'a' <= b && b <= 'z':
			out[i] = pick(low)
		case 'A' <= b && b <= 'Z':
			out[i] = pick(up)
		}
	}
	if isUUID4(token) {
		out[14], out[19] = '4', pick("89ab")
	}
	return string(out)
}

// alphabets guesses what the lower-case letters, upper-case letters and digits
// of token are drawn from.
func alphabets(token string) (low, up, num string) {
	word := strings.ToLower(strings.ReplaceAll(token, "-", ""))
	mixed := strings.ContainsAny(word, letters) && strings.ContainsAny(word, digits)
	switch {
	case mixed && len(word) >= 16 && strings.Trim(word, hexDigits) == "":
		low = hexDigits
	case mixed && len(word) >= 16 && strings.Trim(word, base32) == "":
		low = base32
	default:
		return letters, strings.ToUpper(letters), digits
	}
	up, num = strings.ToUpper(low), low
	if !strings.ContainsAny(token, letters) {
		num = up
	}
	return low, up, num
}

// isUUID4 looks for xxxxxxxx-xxxx-4xxx-[89ab]xxx-xxxxxxxxxxxx in lower case.
func isUUID4(s string) bool {
	if len(s) != 36 || s[14] != '4' || !strings.ContainsRune("89ab", rune(s[19])) {
		return false
	}
	for i, b := range []byte(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (b == '-') ||
			!dash && strings.IndexByte(hexDigits, b) < 0 {
			return false
		}
	}
	return true
}

// pick draws a character of alphabet, each equally likely.
func pick(alphabet string) byte {
	fair := 256 - 256%len(alphabet)
	var b [1]byte
	for {
		rand.Read(b[:]) // never fails
		if int(b[0]) < fair {
			return alphabet[int(b[0])%len(alphabet)]
		}
	}
}
