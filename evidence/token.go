package evidence

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// TokenType is the typ header of a verification token (RFC 8725 section 3.11).
const TokenType = "zonehold-verification+jwt"

// Claims are what a verification token says (RFC 7519). Times are in whole
// seconds since 1970.
type Claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"` // the hostname
	Audience string `json:"aud,omitempty"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	ID       string `json:"jti"`

	DomainID       string `json:"domain_id"`
	AccountID      string `json:"account_id"`
	State          string `json:"state"` // "verified" or "at_risk"
	Method         string `json:"method"`
	Assurance      string `json:"assurance"` // what the proof is worth
	Covers         string `json:"covers"`    // "host" or "tree"
	VerifiedAt     int64  `json:"verified_at"`
	SeenAt         int64  `json:"seen_at,omitempty"` // when the proof was last seen
	Recheck        string `json:"recheck"`           // "keep" or "once"
	NextCheckAt    int64  `json:"next_check_at,omitempty"`
	AttemptID      string `json:"attempt_id,omitempty"`      // the check it rests on
	EvidenceSHA256 string `json:"evidence_sha256,omitempty"` // of that check's document
}

// Sign makes the compact JWS of the claims (RFC 7515, EdDSA of RFC 8037).
func (c *Claims) Sign(s *Signer) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": "EdDSA", "kid": s.id, "typ": TokenType})
	if err != nil {
		return "", fmt.Errorf("writing a token: %w", err)
	}
	body, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("writing a token: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	text := encode(header) + "." + encode(body)
	return text + "." + encode(ed25519.Sign(s.private, []byte(text))), nil
}

// ErrToken says that a token does not hold.
var ErrToken = errors.New("the token does not hold")

const maxToken = 16 << 10

// VerifyToken checks a verification token as a third party should: the
// algorithm, the type, the signature by one of the keys, the time, and that it
// was made for the audience; "" takes tokens only that are for whoever reads
// them (RFC 7519 section 4.1.3). The error is ErrToken.
func VerifyToken(token string, keys []ed25519.PublicKey, audience string, now time.Time) (*Claims, error) {
	bad := func(why string) (*Claims, error) { return nil, fmt.Errorf("%w: %s", ErrToken, why) }
	parts := strings.Split(token, ".")
	if len(token) > maxToken || len(parts) != 3 {
		return bad("it is no compact JWS")
	}
	var raw [3][]byte
	for i, p := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.Strict().DecodeString(p); err != nil {
			return bad("it is no compact JWS")
		}
	}
	var header struct {
		Algorithm string   `json:"alg"`
		KeyID     string   `json:"kid"`
		Type      string   `json:"typ"`
		Critical  []string `json:"crit"`
	}
	if json.Unmarshal(raw[0], &header) != nil || header.Algorithm != "EdDSA" || header.Type != TokenType || header.Critical != nil {
		return bad("it is of another kind")
	}
	var key ed25519.PublicKey
	for _, k := range keys {
		if KeyID(k) == header.KeyID {
			key = k
		}
	}
	if key == nil {
		return bad("its key is not trusted")
	}
	if !ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), raw[2]) {
		return bad("its signature is wrong")
	}
	var c Claims
	if err := json.Unmarshal(raw[1], &c); err != nil {
		return bad("its claims cannot be read")
	}
	switch at := now.Unix(); {
	case at >= c.Expires:
		return bad("it has expired")
	case at < c.IssuedAt-60: // clocks differ
		return bad("it is from the future")
	case c.Audience != audience:
		return bad("it was made for somebody else")
	}
	return &c, nil
}
