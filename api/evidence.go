package api

import "time"

// JWKS is a set of public keys (RFC 7517).
type JWKS struct {
	Keys []JWK `json:"keys"`
}

// JWK is a public Ed25519 key (RFC 8037).
type JWK struct {
	KeyType   string `json:"kty" example:"OKP"`
	Curve     string `json:"crv" example:"Ed25519"`
	X         string `json:"x"`
	ID        string `json:"kid" doc:"its thumbprint (RFC 7638)"`
	Algorithm string `json:"alg" example:"EdDSA"`
	Use       string `json:"use" example:"sig"`
	Expires   int64  `json:"exp,omitempty" doc:"of a key that signs nothing any more: from when on no token that it signed can hold, in seconds since 1970; what it signed as evidence stands"`
}

// CreateDomainToken asks for a verification token.
type CreateDomainToken struct {
	Audience   string `json:"audience,omitempty" maxLength:"200" doc:"who is to believe it; absent: whoever reads it" example:"shop.example"`
	TTLSeconds int    `json:"ttl_seconds,omitempty" minimum:"60" maximum:"3600" doc:"how long it lives; absent: 600"`
}

// DomainToken is a verification token: a signed statement, for a short time,
// that an account has proved a domain.
type DomainToken struct {
	Token     string    `json:"token" doc:"compact JWS (RFC 7515), EdDSA; the keys are at /.well-known/jwks.json"`
	ExpiresAt time.Time `json:"expires_at"`
	KeyID     string    `json:"key_id"`
}
