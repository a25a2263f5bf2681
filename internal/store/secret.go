package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// ErrNoKey says that secrets cannot be kept as no key is configured.
var ErrNoKey = errors.New("no secret key: set ZONEHOLD_SECRET_KEY or a data folder")

// vault seals secrets with AES-256-GCM. A sealed value is the id of its key
// (4 bytes), a nonce, and the ciphertext bound to its row and column.
type vault struct {
	secret []byte
	dir    string

	once sync.Once
	aead cipher.AEAD
	id   [4]byte
	mac  []byte // keys the hashes of short codes
	err  error
}

func (v *vault) open() error {
	v.once.Do(func() { v.err = v.load() })
	return v.err
}

func (v *vault) load() error {
	secret := v.secret
	if secret == nil {
		var err error
		if secret, err = keyFile(v.dir); err != nil {
			return err
		}
	}
	if len(secret) < 16 {
		return errors.New("the secret key is shorter than 16 bytes")
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "zonehold secrets at rest", 32)
	if err != nil {
		return fmt.Errorf("deriving the key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return fmt.Errorf("deriving the key: %w", err)
	}
	if v.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return fmt.Errorf("deriving the key: %w", err)
	}
	if v.mac, err = hkdf.Key(sha256.New, secret, nil, "zonehold mailed codes", 32); err != nil {
		return fmt.Errorf("deriving the key: %w", err)
	}
	sum := sha256.Sum256(append([]byte("zonehold key id "), key...))
	copy(v.id[:], sum[:])
	return nil
}

// keyFile reads secret.key of the folder, making it on first use.
func keyFile(dir string) ([]byte, error) {
	if dir == "" {
		return nil, ErrNoKey
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	name := filepath.Join(dir, "secret.key")
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	temp, err := os.CreateTemp(dir, "secret-*.tmp")
	if err != nil {
		return nil, fmt.Errorf("making the secret key: %w", err)
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // its other name counts
	_, err = temp.WriteString(hex.EncodeToString(secret) + "\n")
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return nil, fmt.Errorf("making the secret key: %w", err)
	}
	// Link fails if the file is there already; then the older key counts.
	if err := os.Link(temp.Name(), name); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("making the secret key: %w", err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the secret key: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%s does not hold 64 hexadecimal digits", name)
	}
	return key, nil
}

// seal encrypts text for the place "table.column/row". Empty stays empty.
func (v *vault) seal(place, text string) ([]byte, error) {
	if text == "" {
		return []byte{}, nil
	}
	if err := v.open(); err != nil {
		return nil, err
	}
	return v.aead.Seal(v.id[:len(v.id):len(v.id)], nil, []byte(text), []byte(place)), nil
}

// unseal is the reverse.
func (v *vault) unseal(place string, sealed []byte) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	if err := v.open(); err != nil {
		return "", err
	}
	if len(sealed) < len(v.id) || [4]byte(sealed[:4]) != v.id {
		return "", errors.New("a stored secret was sealed with another key")
	}
	text, err := v.aead.Open(nil, nil, sealed[4:], []byte(place))
	if err != nil {
		return "", errors.New("a stored secret does not open")
	}
	return string(text), nil
}
