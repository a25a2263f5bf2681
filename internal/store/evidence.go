package store

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// MaxEvidence bounds the stored evidence of one attempt, bytes of JSON.
const MaxEvidence = 256 << 10

// Packed is evidence ready to be stored.
type Packed struct {
	SHA256 [32]byte            // of the document itself
	Blobs  map[[32]byte][]byte // that the document names by their hash

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
	sum := sha256.Sum256(body)
	if len(body) < 1024 {
		return Packed{SHA256: sum, body: body}
	}
	var out bytes.Buffer
	out.Grow(len(body) / 2)
	w := writers.Get().(*zlib.Writer)
	defer writers.Put(w)
	w.Reset(&out)
	if _, err := w.Write(body); err != nil || w.Close() != nil || out.Len() > len(body)*9/10 {
		return Packed{SHA256: sum, body: body}
	}
	return Packed{SHA256: sum, encoding: "zlib", body: out.Bytes()}
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

// NewEvidence is the evidence of a finished attempt.
type NewEvidence struct {
	AttemptID string
	Seq       int64 // of its link; 0: none
	Changed   bool  // the attempt changed the state of its domain
	Packed    Packed
}

// InsertEvidence stores the evidence of finished attempts. An attempt has
// evidence once.
func (tx *Tx) InsertEvidence(ctx context.Context, list []NewEvidence) error {
	rows := make([][]any, len(list))
	for i, e := range list {
		rows[i] = []any{e.AttemptID, e.Packed.encoding, e.Packed.body, e.Seq, flag(e.Changed)}
	}
	return doing("storing evidence", insertEvidence.exec(ctx, tx.s, tx.q, rows))
}

var insertEvidence = bulk{types: "ttbii", text: "INSERT INTO evidence (attempt_id, encoding, body, seq, changed) {rows}"}

// Kept is the evidence of one attempt with its link.
type Kept struct {
	AttemptID string
	CreatedAt time.Time // of the attempt
	Body      []byte
	Link      *Link // nil: it has none
}

const keptColumns = `attempts.id, attempts.created_at, evidence.encoding, evidence.body, accounts.number,
	coalesce(chain.seq, 0), coalesce(chain.attempt_id, ''), coalesce(chain.domain_id, ''), coalesce(chain.hostname, ''),
	coalesce(chain.method, ''), coalesce(chain.outcome, ''), coalesce(chain.at, 0), chain.body_sha256, chain.previous,
	coalesce(chain.key, 0), chain.signature
	FROM attempts JOIN evidence ON evidence.attempt_id = attempts.id JOIN accounts ON accounts.id = attempts.account_id
	LEFT JOIN chain ON chain.account = accounts.number AND chain.seq = evidence.seq`

func scanKept(row scanner) (*Kept, error) {
	var (
		k              Kept
		l              Link
		p              Packed
		created, at    int64
		body, previous []byte
	)
	err := row.Scan(&k.AttemptID, &created, &p.encoding, &p.body, &l.Account, &l.Seq, &l.AttemptID, &l.DomainID, &l.Hostname, &l.Method,
		&l.Outcome, &at, &body, &previous, &l.Key, &l.Signature)
	if err != nil {
		return nil, err
	}
	k.CreatedAt, l.At = fromMicros(created), fromMicros(at)
	copy(l.BodySHA256[:], body)
	copy(l.Previous[:], previous)
	if l.Seq > 0 {
		k.Link = &l
	}
	k.Body, err = p.unpack()
	return &k, err
}

// Evidence reads the evidence of an attempt of the account, or ErrNotFound.
func (s *Store) Evidence(ctx context.Context, accountID, attemptID string) (*Kept, error) {
	k, err := scanKept(s.r.QueryRowContext(ctx, "SELECT "+keptColumns+" WHERE attempts.id = $1 AND attempts.account_id = $2",
		Text(attemptID), accountID))
	return k, missing("reading evidence", err)
}

// EvidenceOfDomain reads the evidence of a domain's attempts that were made in
// a span of time, oldest first, from the one after (created, id) on. A zero
// end is none.
func (s *Store) EvidenceOfDomain(ctx context.Context, domainID string, from, to, created time.Time, id string, limit int) ([]*Kept, error) {
	end := micros(to)
	if to.IsZero() {
		end = 1<<62 - 1
	}
	rows, err := s.r.QueryContext(ctx, "SELECT "+keptColumns+` WHERE attempts.domain_id = $1 AND attempts.created_at >= $2 AND attempts.created_at < $3
		AND (attempts.created_at, attempts.id) > ($4, $5) ORDER BY attempts.created_at, attempts.id LIMIT $6`,
		domainID, micros(from), end, micros(created), Text(id), limit)
	out, err := collect(rows, err, scanKept)
	return out, doing("reading evidence", err)
}

// KeepBlobs stores blobs that evidence names, or notes that they were used
// again. They must be there before the evidence is.
func (s *Store) KeepBlobs(ctx context.Context, blobs map[[32]byte][]byte, now time.Time) error {
	rows := make([][]any, 0, len(blobs))
	for sum, body := range blobs {
		p := Pack(body)
		rows = append(rows, []any{sum[:], p.encoding, p.body, micros(now)})
	}
	// In order, so that no two processes wait for each other.
	slices.SortFunc(rows, func(a, b []any) int { return bytes.Compare(a[0].([]byte), b[0].([]byte)) })
	return s.InTx(ctx, func(tx *Tx) error { return doing("storing blobs", keepBlobs.exec(ctx, s, tx.q, rows)) })
}

var keepBlobs = bulk{types: "btbi", text: `INSERT INTO blobs (sha256, encoding, body, seen_at) {rows}
	ON CONFLICT (sha256) DO UPDATE SET seen_at = excluded.seen_at WHERE blobs.seen_at < excluded.seen_at`}

// Blobs reads blobs by their hashes.
func (s *Store) Blobs(ctx context.Context, sums [][32]byte) (map[[32]byte][]byte, error) {
	rows := make([][]any, len(sums))
	for i := range sums {
		rows[i] = []any{sums[i][:]}
	}
	out := make(map[[32]byte][]byte, len(sums))
	find := bulk{types: "b", text: "WITH v (v_sum) AS ({rows}) SELECT sha256, encoding, body FROM blobs WHERE sha256 IN (SELECT v_sum FROM v)"}
	_, err := queryBulk(ctx, s, s.r, find, rows, func(row scanner) (struct{}, error) {
		var (
			sum []byte
			p   Packed
		)
		if err := row.Scan(&sum, &p.encoding, &p.body); err != nil {
			return struct{}{}, err
		}
		body, err := p.unpack()
		if err == nil {
			out[[32]byte(sum)] = body
		}
		return struct{}{}, err
	})
	return out, doing("reading blobs", err)
}

// ProofOf is the link of the newest check that saw the proof of a domain; nil:
// there is none.
func (s *Store) ProofOf(ctx context.Context, domainID string) (*Link, error) {
	rows, err := s.r.QueryContext(ctx, "SELECT "+keptColumns+` WHERE attempts.domain_id = $1 AND attempts.outcome = 'verified'
		ORDER BY attempts.created_at DESC, attempts.id DESC LIMIT 1`, domainID)
	found, err := collect(rows, err, scanKept)
	if err != nil || len(found) == 0 {
		return nil, doing("reading the evidence of a proof", err)
	}
	return found[0].Link, nil
}
