// Package store keeps everything in SQLite or PostgreSQL, with one SQL text
// for both. It is the only package that holds SQL.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/zonehold/zonehold"
)

// Errors of look-ups and inserts.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("already exists")
)

// Errors of BeginIdempotent.
var (
	ErrRunning  = errors.New("a request with this idempotency key is running")
	ErrMismatch = errors.New("the idempotency key was used for another request")
)

// Config says where the data are.
type Config struct {
	URL     string // "postgres://…"; "": SQLite in DataDir
	DataDir string // folder of the SQLite file and of the secret key
	// SecretKey encrypts stored credentials, 32 bytes. Nil: the file
	// secret.key in DataDir, made on first use.
	SecretKey []byte
	MaxConns  int // PostgreSQL connections; 0: 10
}

// Store is the database. Safe for concurrent use.
type Store struct{}

// Open connects and brings the schema up to date.
func Open(ctx context.Context, cfg Config) (*Store, error) { panic("owner: store") }

// Close ends every connection.
func (s *Store) Close() error { panic("owner: store") }

// Ping checks that the database answers.
func (s *Store) Ping(ctx context.Context) error { panic("owner: store") }

// Lock claims the data folder for this process, so that a second server on
// it fails with a clear error; nothing to do on PostgreSQL. Close unlocks.
func (s *Store) Lock() error { panic("owner: store") }

// Engine is "sqlite" or "postgres".
func (s *Store) Engine() string { panic("owner: store") }

// Token is an API token; only its hash is kept.
type Token struct {
	ID, AccountID, Name string
	Prefix              string   // shown to people, not secret
	Hash                [32]byte // SHA-256 of the whole token
	Scopes              []zonehold.Scope
	CreatedAt           time.Time
	LastUsedAt          time.Time // zero: never
	RevokedAt           time.Time // zero: live
}

// CreateAccount assigns ID and Number. ErrExists: the name is taken.
func (s *Store) CreateAccount(ctx context.Context, a zonehold.Account) (zonehold.Account, error) {
	panic("owner: store")
}

// AccountByName finds an account, or ErrNotFound.
func (s *Store) AccountByName(ctx context.Context, name string) (zonehold.Account, error) {
	panic("owner: store")
}

// Account finds an account by id, or ErrNotFound.
func (s *Store) Account(ctx context.Context, id string) (zonehold.Account, error) {
	panic("owner: store")
}

// Accounts lists all accounts by name.
func (s *Store) Accounts(ctx context.Context) ([]zonehold.Account, error) { panic("owner: store") }

// InsertToken adds a token. Its ID is assigned when empty.
func (s *Store) InsertToken(ctx context.Context, t Token) error { panic("owner: store") }

// TokenByHash finds a token and its account, or ErrNotFound. Revoked tokens
// are found too; see RevokedAt.
func (s *Store) TokenByHash(ctx context.Context, hash [32]byte) (Token, zonehold.Account, error) {
	panic("owner: store")
}

// Tokens lists the tokens of an account, oldest first.
func (s *Store) Tokens(ctx context.Context, accountID string) ([]Token, error) {
	panic("owner: store")
}

// RevokeToken ends a token, or ErrNotFound.
func (s *Store) RevokeToken(ctx context.Context, accountID, id string) error { panic("owner: store") }

// TouchToken notes that a token was used.
func (s *Store) TouchToken(ctx context.Context, id string, at time.Time) error {
	panic("owner: store")
}
