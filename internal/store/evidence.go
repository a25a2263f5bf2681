package store

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"sync"
)

// MaxEvidence bounds the stored evidence of one attempt, bytes of JSON.
const MaxEvidence = 256 << 10

// Packed is evidence ready to be stored.
type Packed struct {
	encoding string
	body     []byte
}

var writers = sync.Pool{New: func() any {
	w, err := zlib.NewWriterLevel(nil, zlib.BestSpeed)
	if err != nil {
		panic("store: " + err.Error())
	}
	return w
}}

// Pack compresses evidence where it pays.
func Pack(body []byte) Packed {
	if len(body) < 1024 {
		return Packed{"", body}
	}
	var out bytes.Buffer
	out.Grow(len(body) / 2)
	w := writers.Get().(*zlib.Writer)
	defer writers.Put(w)
	w.Reset(&out)
	if _, err := w.Write(body); err != nil || w.Close() != nil || out.Len() > len(body)*9/10 {
		return Packed{"", body}
	}
	return Packed{"zlib", out.Bytes()}
}

func (p Packed) unpack() ([]byte, error) {
	switch p.encoding {
	case "":
		return p.body, nil
	case "zlib":
		r, err := zlib.NewReader(bytes.NewReader(p.body))
		if err != nil {
			return nil, fmt.Errorf("unpacking evidence: %w", err)
		}
		defer r.Close()
		body, err := io.ReadAll(io.LimitReader(r, MaxEvidence+1))
		return body, doing("unpacking evidence", err)
	}
	return nil, fmt.Errorf("unpacking evidence: unknown encoding %q", p.encoding)
}

// InsertEvidence stores the evidence of finished attempts, by id.
func (tx *Tx) InsertEvidence(ctx context.Context, byID map[string]Packed) error {
	rows := make([][]any, 0, len(byID))
	for id, p := range byID {
		rows = append(rows, []any{id, p.encoding, p.body})
	}
	return doing("storing evidence", insertEvidence.exec(ctx, tx.s, tx.q, rows))
}

var insertEvidence = bulk{types: "ttb", text: `INSERT INTO evidence (attempt_id, encoding, body) {rows}
	ON CONFLICT (attempt_id) DO NOTHING`}

// Evidence reads the evidence of an attempt of the account, or ErrNotFound.
func (s *Store) Evidence(ctx context.Context, accountID, attemptID string) ([]byte, error) {
	var p Packed
	err := s.r.QueryRowContext(ctx, `SELECT evidence.encoding, evidence.body FROM evidence
		JOIN attempts ON attempts.id = evidence.attempt_id
		WHERE evidence.attempt_id = $1 AND attempts.account_id = $2`, Text(attemptID), accountID).
		Scan(&p.encoding, &p.body)
	if err != nil {
		return nil, missing("reading evidence", err)
	}
	return p.unpack()
}
