package notify

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// secretPrefix marks secrets of webhooks (Standard Webhooks 1.0.0).
const secretPrefix = "whsec_"

// Tolerance is how far a webhook's time may lie from now before Verify refuses
// it.
const Tolerance = 5 * time.Minute

// NewSecret makes a secret of 32 random bytes.
func NewSecret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(b[:])
}

// parseSecret reads a secret of 24 to 64 bytes; the prefix may be missing.
func parseSecret(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, secretPrefix))
	if err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("a secret is whsec_ and the base64 of 24 to 64 bytes")
	}
	return key, nil
}

// sign makes the value of webhook-signature, with one signature for each
// secret.
func sign(secrets []string, id string, at time.Time, body []byte) (string, error) {
	out := make([]string, len(secrets))
	for i, s := range secrets {
		key, err := parseSecret(s)
		if err != nil {
			return "", err
		}
		out[i] = "v1," + base64.StdEncoding.EncodeToString(digest(key, id, strconv.FormatInt(at.Unix(), 10), body))
	}
	return strings.Join(out, " "), nil
}

func digest(key []byte, id, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%s.%s.", id, timestamp)
	h.Write(body)
	return h.Sum(nil)
}

// Errors of Verify.
var (
	ErrSignature = errors.New("no signature fits")
	ErrTimestamp = errors.New("the time is not near enough")
)

// Verify checks the headers webhook-id, webhook-timestamp and
// webhook-signature against a body as it was sent. A zero now leaves the time
// unchecked.
func Verify(secret, id, timestamp, signature string, body []byte, now time.Time) error {
	key, err := parseSecret(secret)
	if err != nil {
		return err
	}
	at, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: the timestamp is a number of seconds", ErrTimestamp)
	}
	want, fits := digest(key, id, timestamp, body), false
	for _, one := range strings.Fields(signature) {
		version, text, _ := strings.Cut(one, ",")
		got, err := base64.StdEncoding.DecodeString(text)
		if version == "v1" && err == nil && hmac.Equal(got, want) {
			fits = true
		}
	}
	if !fits {
		return ErrSignature
	}
	if d := now.Sub(time.Unix(at, 0)); !now.IsZero() && (d > Tolerance || d < -Tolerance) {
		return fmt.Errorf("%w: it was signed at %s", ErrTimestamp, time.Unix(at, 0).UTC().Format(time.RFC3339))
	}
	return nil
}
