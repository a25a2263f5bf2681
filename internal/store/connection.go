package store

import (
	"context"
	"fmt"
	"time"

	"github.com/zonehold/zonehold"
)

// Connection is an account at a DNS provider with its encrypted credentials.
type Connection struct {
	zonehold.Connection
	sealed []byte
}

const connectionColumns = "id, account_id, provider, name, hint, credentials, tested_at, test_error, created_at"

func scanConnection(row scanner) (*Connection, error) {
	var (
		c               Connection
		tested, created int64
	)
	err := row.Scan(&c.ID, &c.AccountID, &c.Provider, &c.Name, &c.Hint, &c.sealed, &tested, &c.TestError, &created)
	c.TestedAt, c.CreatedAt = fromMicros(tested), fromMicros(created)
	return &c, err
}

func credentialsPlace(connectionID string) string { return "connections.credentials/" + connectionID }

// Credentials decrypts the credentials of a connection.
func (s *Store) Credentials(c *Connection) (map[string]string, error) {
	text, err := s.vault.unseal(credentialsPlace(c.ID), c.sealed)
	if err != nil {
		return nil, fmt.Errorf("reading credentials: %w", err)
	}
	var out map[string]string
	return out, fromJSON(text, &out)
}

// SetCredentials encrypts credentials into c, which has its ID.
func (s *Store) SetCredentials(c *Connection, credentials map[string]string) (err error) {
	c.sealed, err = s.vault.seal(credentialsPlace(c.ID), toJSON(credentials))
	return doing("keeping credentials", err)
}

// Connections lists the connections of an account, oldest first.
func (s *Store) Connections(ctx context.Context, accountID string) ([]*Connection, error) {
	return connections(ctx, s.r, accountID)
}

// Connections is the same inside the transaction.
func (tx *Tx) Connections(ctx context.Context, accountID string) ([]*Connection, error) {
	return connections(ctx, tx.q, accountID)
}

func connections(ctx context.Context, q conn, accountID string) ([]*Connection, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+connectionColumns+
		" FROM connections WHERE account_id = $1 ORDER BY created_at, id", accountID)
	out, err := collect(rows, err, scanConnection)
	return out, doing("listing connections", err)
}

// Connection finds a connection of the account, or ErrNotFound.
func (s *Store) Connection(ctx context.Context, accountID, id string) (*Connection, error) {
	c, err := scanConnection(s.r.QueryRowContext(ctx, "SELECT "+connectionColumns+
		" FROM connections WHERE id = $1 AND account_id = $2", Text(id), accountID))
	return c, missing("finding a connection", err)
}

// InsertConnection adds a connection. ErrExists: the account has one of that
// name.
func (tx *Tx) InsertConnection(ctx context.Context, c *Connection) error {
	_, err := tx.q.ExecContext(ctx, "INSERT INTO connections ("+connectionColumns+
		") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		c.ID, c.AccountID, string(c.Provider), Text(c.Name), Text(c.Hint), c.sealed, micros(c.TestedAt),
		Text(c.TestError), micros(c.CreatedAt))
	if taken(err) {
		return ErrExists
	}
	return doing("storing a connection", err)
}

// SetConnectionTest notes the result of a test, or ErrNotFound.
func (tx *Tx) SetConnectionTest(ctx context.Context, accountID, id string, at time.Time, testError string) error {
	res, err := tx.q.ExecContext(ctx, "UPDATE connections SET tested_at = $1, test_error = $2 WHERE id = $3 AND account_id = $4",
		micros(at), Text(testError), Text(id), accountID)
	if err != nil {
		return fmt.Errorf("noting a test: %w", err)
	}
	if n, err := res.RowsAffected(); err == nil && n == 0 {
		return ErrNotFound
	}
	return nil
}

// DeleteConnection forgets a connection, or ErrNotFound. The credentials are
// overwritten first, as a deleted row may stay in the file for a while.
func (tx *Tx) DeleteConnection(ctx context.Context, accountID, id string) error {
	const where = " WHERE id = $1 AND account_id = $2"
	res, err := tx.q.ExecContext(ctx, "UPDATE connections SET credentials = "+tx.s.zeros()+where, Text(id), accountID)
	if err == nil {
		if n, err := res.RowsAffected(); err == nil && n == 0 {
			return ErrNotFound
		}
		_, err = tx.q.ExecContext(ctx, "DELETE FROM connections"+where, Text(id), accountID)
	}
	return doing("forgetting a connection", err)
}

// zeros is as many zero bytes as the credentials have.
func (s *Store) zeros() string {
	if s.engine == SQLite {
		return "zeroblob(length(credentials))"
	}
	return "decode(repeat('00', length(credentials)), 'hex')"
}
