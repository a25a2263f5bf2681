package evidence

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/zonehold/zonehold"
)

// Format names the only form of bundles there is.
const Format = "zonehold-evidence/1"

// MaxBundle bounds a bundle, in bytes.
const MaxBundle = 48 << 20

// Scope says what a bundle is about.
type Scope string

const (
	ScopeAttempt Scope = "attempt" // one check
	ScopeDomain  Scope = "domain"  // checks of one domain, oldest first
	ScopeChain   Scope = "chain"   // an unbroken piece of an account's chain, without documents
)

// Bundle is evidence in the form in which it leaves the service. Its file is
// exactly what Seal returns: one line of JSON in this order of fields, without
// spaces and without a line feed at the end.
type Bundle struct {
	Format    string            `json:"format"`
	Issuer    string            `json:"issuer"`  // base URL or name of the service
	Version   string            `json:"version"` // of the program that made the bundle
	MadeAt    time.Time         `json:"made_at"`
	AccountID string            `json:"account_id"`
	Scope     Scope             `json:"scope"`
	DomainID  string            `json:"domain_id,omitempty"`
	Hostname  zonehold.Hostname `json:"hostname,omitempty"`
	From      time.Time         `json:"from,omitzero"` // what was asked for
	To        time.Time         `json:"to,omitzero"`
	Next      string            `json:"next,omitempty"` // cursor of what did not fit; "": nothing

	Head       Head        `json:"head"` // of the account's chain at MadeAt
	Checkpoint *Checkpoint `json:"checkpoint,omitempty"`
	Keys       []JWK       `json:"keys"` // that signed anything in here, by id
	Entries    []Entry     `json:"entries"`
	Blobs      []Blob      `json:"blobs"` // that documents name, by hash

	KeyID     string `json:"key_id"`
	Signature []byte `json:"signature,omitempty"` // over everything before it
}

// Entry is a link and what it stands for. The document is absent in a piece of
// a chain, and where its time was over.
type Entry struct {
	Link     Link            `json:"link"`
	Document json.RawMessage `json:"document,omitempty"`
}

// Blob is a DNS message that several documents share.
type Blob struct {
	SHA256 Hash   `json:"sha256"`
	Data   []byte `json:"data"`
}

// Seal signs the bundle and returns its file.
func (b *Bundle) Seal(s *Signer) ([]byte, error) {
	b.Format, b.KeyID, b.Signature = Format, s.id, nil
	unsigned, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("writing a bundle: %w", err)
	}
	b.Signature = s.sign(bundleContext, HashOf(unsigned))
	file, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("writing a bundle: %w", err)
	}
	return file, nil
}

// Errors of Verify. What is wrong in detail is in the error's text.
var (
	// ErrForm: the file is no bundle, or not in the one form that a bundle has.
	ErrForm = errors.New("not a bundle in its canonical form")
	// ErrBroken: a hash, a link or a signature does not fit.
	ErrBroken = errors.New("the evidence was changed, or was never as it says")
	// ErrUntrusted: the keys are not among those that are trusted.
	ErrUntrusted = errors.New("signed with a key that is not trusted")
)

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrBroken, fmt.Errorf(format, args...))
}

// read reads a bundle and insists on its one form.
func read(r io.Reader) (*Bundle, error) {
	file, err := io.ReadAll(io.LimitReader(r, MaxBundle+1))
	if err != nil {
		return nil, fmt.Errorf("reading a bundle: %w", err)
	}
	if len(file) > MaxBundle {
		return nil, fmt.Errorf("%w: over %d bytes", ErrForm, MaxBundle)
	}
	var b Bundle
	d := json.NewDecoder(bytes.NewReader(file))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrForm, err) //nolint:errorlint // its kind is of no use
	}
	if b.Format != Format {
		return nil, fmt.Errorf("%w: this program reads %s only", ErrForm, Format)
	}
	again, err := json.Marshal(&b)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrForm, err) //nolint:errorlint // its kind is of no use
	}
	if !bytes.Equal(again, file) {
		return nil, fmt.Errorf("%w: byte %d is not as a bundle has it", ErrForm, differ(again, file))
	}
	return &b, nil
}

// differ is the number of the first byte, from 1, in which a and b differ.
func differ(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n + 1
}

// digest is what the bundle's signature is made over.
func (b *Bundle) digest() (Hash, error) {
	bare := *b
	bare.Signature = nil
	unsigned, err := json.Marshal(&bare)
	return HashOf(unsigned), err
}

func (b *Bundle) signedBy(key ed25519.PublicKey) error {
	h, err := b.digest()
	if err != nil {
		return err
	}
	if !ed25519.Verify(key, signed(bundleContext, h), b.Signature) {
		return errors.New("the signature over the bundle is wrong")
	}
	return nil
}
