package evidence

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Signer signs with an Ed25519 key.
type Signer struct {
	id      string
	private ed25519.PrivateKey
}

// NewSigner makes a new key.
func NewSigner() *Signer {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic("evidence: " + err.Error()) // the random source of the system never fails
	}
	return signerOf(private)
}

// SignerFromSeed makes the signer of a stored key, from the 32 bytes that Seed
// returned.
func SignerFromSeed(seed []byte) (*Signer, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("an Ed25519 seed has %d bytes", ed25519.SeedSize)
	}
	return signerOf(ed25519.NewKeyFromSeed(seed)), nil
}

func signerOf(private ed25519.PrivateKey) *Signer {
	return &Signer{id: KeyID(private.Public().(ed25519.PublicKey)), private: private}
}

// Seed is the secret part of the key.
func (s *Signer) Seed() []byte { return s.private.Seed() }

// ID is the key's id; see KeyID.
func (s *Signer) ID() string { return s.id }

// Public is the public part.
func (s *Signer) Public() ed25519.PublicKey { return s.private.Public().(ed25519.PublicKey) }

// JWK is the public part as it is published.
func (s *Signer) JWK() JWK { return NewJWK(s.Public()) }

func (s *Signer) sign(context string, h Hash) []byte {
	return ed25519.Sign(s.private, signed(context, h))
}

// signed is what a signature of ours is made over: what it is for, a zero
// byte, and a hash.
func signed(context string, h Hash) []byte {
	return append(append([]byte(context), 0), h[:]...)
}

// JWK is a public Ed25519 key (RFC 7517, RFC 8037).
type JWK struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	ID        string `json:"kid"`
	Algorithm string `json:"alg"`
	Use       string `json:"use"`
	// Expires is set on a key that signs nothing any more: from when on no token
	// that it signed can hold, in seconds since 1970. Evidence that it signed
	// stands. 0: it is in use.
	Expires int64 `json:"exp,omitempty"`
}

// JWKS is a set of keys (RFC 7517 section 5).
type JWKS struct {
	Keys []JWK `json:"keys"`
}

// NewJWK gives a key the form in which it is published.
func NewJWK(public ed25519.PublicKey) JWK {
	return JWK{KeyType: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(public), ID: KeyID(public), Algorithm: "EdDSA", Use: "sig"}
}

// KeyID is the SHA-256 thumbprint of a key (RFC 7638; RFC 8037 appendix A.3).
func KeyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Public reads the key. It refuses keys of other kinds and one whose id is
// not its thumbprint.
func (k JWK) Public() (ed25519.PublicKey, error) {
	if k.KeyType != "OKP" || k.Curve != "Ed25519" || k.Algorithm != "" && k.Algorithm != "EdDSA" || k.Use != "" && k.Use != "sig" {
		return nil, errors.New("not an Ed25519 key for signatures")
	}
	public, err := base64.RawURLEncoding.Strict().DecodeString(k.X)
	if err != nil || len(public) != ed25519.PublicKeySize {
		return nil, errors.New("not 32 bytes of base64url")
	}
	if k.ID != KeyID(public) {
		return nil, errors.New("the key's id is not its thumbprint")
	}
	return public, nil
}

// maxKeys bounds a set of keys: one more for each rotation.
const maxKeys = 1000

// ParseJWKS reads a set of keys, such as /.well-known/jwks.json, for evidence:
// keys that sign nothing any more are among them. Keys of other kinds are left
// out; no key at all is an error, and so is a bundle.
func ParseJWKS(text []byte) ([]ed25519.PublicKey, error) {
	return parseJWKS(text, func(JWK) bool { return true })
}

// ParseTokenKeys is ParseJWKS for verification tokens: without the keys by
// which none can hold at the time.
func ParseTokenKeys(text []byte, now time.Time) ([]ed25519.PublicKey, error) {
	return parseJWKS(text, func(k JWK) bool { return k.Expires == 0 || now.Unix() < k.Expires })
}

func parseJWKS(text []byte, wanted func(JWK) bool) ([]ed25519.PublicKey, error) {
	var set struct {
		JWKS
		Format string `json:"format"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("reading a key set: %w", err)
	}
	if set.Format != "" {
		// Its keys prove nothing about itself.
		return nil, errors.New("reading a key set: this is a bundle; get the keys from the service that made it")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("reading a key set: more than %d keys", maxKeys)
	}
	var out []ed25519.PublicKey
	for _, k := range set.Keys {
		if public, err := k.Public(); err == nil && wanted(k) {
			out = append(out, public)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("reading a key set: no Ed25519 key in it")
	}
	return out, nil
}
