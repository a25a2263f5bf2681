package zonehold

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Tokens are the secrets of one claim, one per family of methods (threat
// T27), each unguessable (T26). In the yandex and probely profiles the
// dialect fixes one value for all families.
type Tokens struct {
	TXT   string `json:"txt"`
	CNAME string `json:"cname"`
	File  string `json:"file"`
	Meta  string `json:"meta"`
}

// lowerBase32 is RFC 4648 base32 in lower case, without padding: fit for a
// DNS label, a path and a TXT record alike.
var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewTokens makes the secrets of a new claim. In the zonehold profile each
// family gets 160 random bits; in the yandex profile all share one new
// verification_uin; in the probely profile all share accountToken, the UUID
// that the dialect gives to the whole account. An empty accountToken makes a
// new one there, and it is ignored in the other profiles. The empty profile
// is the zonehold profile.
func NewTokens(profile ProfileName, accountToken string) (Tokens, error) {
	switch profile {
	case ProfileZonehold, "":
		return Tokens{TXT: newToken(), CNAME: newToken(), File: newToken(), Meta: newToken()}, nil
	case ProfileYandex:
		return sameTokens(NewUIN()), nil
	case ProfileProbely:
		if accountToken == "" {
			accountToken = NewUUID()
		}
		if !ValidToken(profile, accountToken) {
			return Tokens{}, fmt.Errorf("making tokens: the account's token is not a UUID of version 4")
		}
		return sameTokens(accountToken), nil
	}
	return Tokens{}, fmt.Errorf("making tokens: unknown profile %s", quote(string(profile)))
}

func sameTokens(s string) Tokens { return Tokens{TXT: s, CNAME: s, File: s, Meta: s} }

func newToken() string {
	var b [20]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return lowerBase32.EncodeToString(b[:])
}

// NewUIN makes a verification_uin: 128 random bits in 32 lower-case hex
// digits. (The vendor's have 16 digits, which is below the 112 bits that the
// Baseline Requirements ask for: a listed divergence.)
func NewUIN() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// NewUUID makes a UUID of version 4 (RFC 9562 section 5.4).
func NewUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// ValidToken reports whether s has the form of a token of the profile. It
// says nothing of who issued it.
func ValidToken(profile ProfileName, s string) bool {
	switch profile {
	case ProfileZonehold, "":
		return len(s) == 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") == ""
	case ProfileYandex:
		return len(s) == 32 && isHex(s)
	case ProfileProbely:
		return validUUID(s)
	}
	return false
}

func validUUID(s string) bool {
	if len(s) != 36 || s[14] != '4' || !strings.Contains("89ab", s[19:20]) {
		return false
	}
	for i, part := range strings.Split(s, "-") {
		if i > 4 || len(part) != [...]int{8, 4, 4, 4, 12}[i] || !isHex(part) {
			return false
		}
	}
	return true
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// Values returns the distinct tokens, empty ones left out.
func (t Tokens) Values() []string {
	var out []string
	for _, v := range []string{t.TXT, t.CNAME, t.File, t.Meta} {
		if v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// EqualToken compares in constant time (threat T26). Empty tokens equal
// nothing.
func EqualToken(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
