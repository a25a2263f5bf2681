package evidence

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/zonehold/zonehold"
)

// What signatures are for; no two kinds can be taken for each other.
const (
	linkContext       = "zonehold-link/1"
	checkpointContext = "zonehold-checkpoint/1"
	bundleContext     = "zonehold-evidence/1"
)

// Link is one entry of an account's hash chain. Numbers begin at 1; the first
// link's Previous is all zero.
type Link struct {
	Seq        int64             `json:"seq"`
	AttemptID  string            `json:"attempt_id"`
	DomainID   string            `json:"domain_id"`
	Hostname   zonehold.Hostname `json:"hostname"`
	Method     zonehold.Method   `json:"method"`
	Outcome    zonehold.Outcome  `json:"outcome"`
	At         time.Time         `json:"at"` // to the microsecond, UTC
	BodySHA256 Hash              `json:"body_sha256"`
	Previous   Hash              `json:"previous_hash"`
	KeyID      string            `json:"key_id"`
	Hash       Hash              `json:"hash"`
	Signature  []byte            `json:"signature"`
}

// moment writes a time as hashes are made over it.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// text is what the hash is made over: lines, each ended by a line feed.
func (l *Link) text(account string) []byte {
	b := make([]byte, 0, 512)
	b = append(append(b, linkContext...), '\n')
	for _, line := range []string{
		account, strconv.FormatInt(l.Seq, 10), l.AttemptID, l.DomainID, string(l.Hostname), string(l.Method), string(l.Outcome),
		moment(l.At), l.BodySHA256.String(), l.Previous.String(), l.KeyID,
	} {
		b = append(append(b, line...), '\n')
	}
	return b
}

// HashFor computes the hash of the link in the chain of an account.
func (l *Link) HashFor(account string) Hash { return HashOf(l.text(account)) }

// Sign fills in KeyID, Hash and Signature. The rest must be set.
func (l *Link) Sign(account string, s *Signer) {
	l.KeyID = s.id
	l.Hash = l.HashFor(account)
	l.Signature = s.sign(linkContext, l.Hash)
}

// Verify checks the link by itself: its form, its hash and its signature.
func (l *Link) Verify(account string, key ed25519.PublicKey) error {
	for _, word := range []string{account, l.AttemptID, l.DomainID, string(l.Hostname), string(l.Method), string(l.Outcome), l.KeyID} {
		if err := plain(word); err != nil {
			return err
		}
	}
	switch {
	case l.Seq < 1:
		return errors.New("its number is below 1")
	case l.Seq == 1 && l.Previous != Hash{}:
		return errors.New("it is the first one and names one before it")
	case l.Seq > 1 && l.Previous == Hash{}:
		return errors.New("it names none before it")
	case !l.At.Equal(l.At.Truncate(time.Microsecond)):
		return errors.New("its time is finer than a microsecond")
	case l.Hash != l.HashFor(account):
		return errors.New("its hash is not that of what it says")
	case !ed25519.Verify(key, signed(linkContext, l.Hash), l.Signature):
		return errors.New("its signature is wrong")
	}
	return nil
}

// plain refuses words that could be read as several lines.
func plain(word string) error {
	if len(word) > 300 {
		return errors.New("a word in it is too long")
	}
	for i := range len(word) {
		if word[i] <= ' ' || word[i] == 0x7f {
			return errors.New("a word in it has a space or a control character")
		}
	}
	return nil
}

// Checkpoint says that the beginning of a chain was removed when its time was
// over: all links up to Seq, of which the last one had Hash.
type Checkpoint struct {
	Seq       int64     `json:"seq"`
	Hash      Hash      `json:"hash"`
	At        time.Time `json:"at"`
	KeyID     string    `json:"key_id"`
	Signature []byte    `json:"signature"`
}

func (c *Checkpoint) digest(account string) Hash {
	return HashOf(fmt.Appendf(nil, "%s\n%s\n%d\n%s\n%s\n%s\n", checkpointContext, account, c.Seq, c.Hash, moment(c.At), c.KeyID))
}

// Sign fills in KeyID and Signature.
func (c *Checkpoint) Sign(account string, s *Signer) {
	c.KeyID = s.id
	c.Signature = s.sign(checkpointContext, c.digest(account))
}

// Verify checks the signature.
func (c *Checkpoint) Verify(account string, key ed25519.PublicKey) error {
	if err := errors.Join(plain(account), plain(c.KeyID)); err != nil {
		return err
	}
	if c.Seq < 1 || !ed25519.Verify(key, signed(checkpointContext, c.digest(account)), c.Signature) {
		return errors.New("its signature is wrong")
	}
	return nil
}

// Head is the newest link of a chain.
type Head struct {
	Seq  int64 `json:"seq"` // 0: there is none yet
	Hash Hash  `json:"hash"`
}
