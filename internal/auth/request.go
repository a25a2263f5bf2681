package auth

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Scheme is a way in which a request carries its token.
type Scheme string

const (
	Bearer     Scheme = "Bearer"      // Authorization: Bearer zhp_… (RFC 6750 section 2.1)
	OAuth      Scheme = "OAuth"       // Authorization: OAuth zhp_… (Yandex dialect)
	JWT        Scheme = "JWT"         // Authorization: JWT zhp_… (Probely dialect)
	QueryToken Scheme = "oauth_token" // ?oauth_token=zhp_… (Yandex dialect); keep it out of logs
)

// maxCredentials bounds what is looked at, in bytes.
const maxCredentials = 512

// FromRequest takes the token out of a request that may use one of the
// schemes. Scheme names are case-insensitive (RFC 9110 section 11.1). The
// errors are ErrUnauthenticated; ErrNoCredentials too when there are none.
func FromRequest(r *http.Request, schemes ...Scheme) (string, error) {
	var query []string
	for _, s := range schemes {
		if s == QueryToken && strings.Contains(r.URL.RawQuery, string(QueryToken)) {
			values, err := url.ParseQuery(r.URL.RawQuery)
			if err != nil {
				return "", fmt.Errorf("%w: the query is malformed", ErrUnauthenticated)
			}
			query = values[string(QueryToken)]
		}
	}
	headers := r.Header["Authorization"]
	switch {
	case len(headers)+len(query) == 0:
		return "", ErrNoCredentials
	case len(headers)+len(query) > 1:
		return "", fmt.Errorf("%w: give the token once", ErrUnauthenticated)
	case len(query) == 1:
		if query[0] == "" {
			return "", ErrNoCredentials
		}
		return checkChars(query[0])
	}
	name, token, ok := strings.Cut(headers[0], " ")
	if !ok {
		return "", fmt.Errorf("%w: write the Authorization header as %s", ErrUnauthenticated, schemes[0]+" <token>")
	}
	for _, s := range schemes {
		if s != QueryToken && strings.EqualFold(name, string(s)) {
			return checkChars(strings.TrimLeft(token, " ")) // 1*SP, RFC 9110 section 11.4
		}
	}
	return "", fmt.Errorf("%w: this scheme of the Authorization header is not used here; use %s", ErrUnauthenticated, schemes[0])
}

// checkChars admits the characters of token68 (RFC 9110 section 11.2).
func checkChars(token string) (string, error) {
	if token == "" || len(token) > maxCredentials {
		return "", fmt.Errorf("%w: the token is empty or too long", ErrUnauthenticated)
	}
	for i := range len(token) {
		c := token[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._~+/=", rune(c)) {
			return "", fmt.Errorf("%w: the token holds a character that no token has", ErrUnauthenticated)
		}
	}
	return token, nil
}
